import type { MethodsOf } from "@armorclaw/protocol";
import { type Act, type Audit, cefLine, jsonLine } from "../audit/index.ts";
import type { Handlers } from "../rpc/index.ts";
import type { BackupHeader } from "../store/index.ts";
import { iso } from "./time.ts";

/** Copies the store to a file. */
export type MakeBackup = (path: string) => Promise<BackupHeader>;

export function auditHandlers(
  audit: Audit,
  backUp: MakeBackup,
  version: string,
): Handlers<MethodsOf<"audit" | "backup">> {
  return {
    "audit.tail": ({ limit, after }) => {
      const records = after === undefined ? audit.newest(limit) : audit.after(after, limit);
      return { records: records.map(wireRecord) };
    },
    "audit.verify": async () => {
      const { ok, records, anchors, firstBad, reason } = await audit.verify();
      return {
        ok,
        records,
        anchors,
        ...(firstBad === undefined ? {} : { first_bad: firstBad }),
        ...(reason === undefined ? {} : { reason }),
      };
    },
    "audit.export": async ({ format, after }, call) => {
      let last = after;
      let records = 0;
      for (let page = audit.after(last); page.length > 0; page = audit.after(last)) {
        for (const act of page) {
          await call.write({ line: format === "cef" ? cefLine(version, act) : jsonLine(act) });
          last = act.seq;
          records += 1;
        }
      }
      return { records, last_seq: last };
    },
    "backup.create": async ({ path }) => {
      const { bytes, sha256, createdAt } = await backUp(path);
      return { path, bytes, sha256, created_at: createdAt };
    },
  };
}

const wireRecord = (act: Act) => ({
  seq: act.seq,
  time: iso(act.time),
  principal: act.principal,
  method: act.method,
  params_digest: act.paramsDigest,
  result: act.outcome,
  correlation_id: act.correlationId,
  subject: act.subject,
  calls: act.calls,
});
