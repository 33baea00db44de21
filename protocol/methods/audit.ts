import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { PrincipalId, Timestamp } from "../types/ids.ts";
import { people } from "../types/roles.ts";

export const AuditRecord = z
  .object({
    seq: z.int(),
    time: Timestamp,
    principal: PrincipalId,
    method: z
      .string()
      .describe("The method; `*` stands for refused calls of several methods, where there were very many."),
    params_digest: z.string().describe("HMAC-SHA-256 of the params without their secrets."),
    result: z.string().describe("`ok`, the error's code, or `unfinished` when the bridge ended during the call."),
    correlation_id: z.string(),
    calls: z
      .int()
      .describe("How many calls the record stands for. It is more than one only for refused calls (FORBIDDEN)."),
    subject: z.string().nullable().describe("The key, agent, approval or grant that the call was about."),
  })
  .meta({ id: "AuditRecord" });
export type AuditRecord = z.output<typeof AuditRecord>;

const exampleRecord = {
  seq: 41,
  time: "2026-11-21T08:00:00.000Z",
  principal: "user:1000",
  method: "keystore.get",
  params_digest: "3f1d7b5f7f5a3f0d4f1c2b3a4958677665544332211000ffeeddccbbaa998877",
  result: "ok",
  correlation_id: "1f2e3d4c-7",
  calls: 1,
  subject: "openai",
};

const tail = defineMethod({
  summary: "Show the newest privileged calls, and the calls that were refused because the caller lacked the right.",
  roles: people,
  effect: "read",
  params: z.strictObject({
    limit: z.int().min(1).max(1_000).default(20),
    after: z.int().min(0).optional().describe("Only records after this `seq`, oldest first."),
  }),
  result: z.object({ records: z.array(AuditRecord) }),
  errors: [],
  example: { params: {}, result: { records: [exampleRecord] } },
});

const verify = defineMethod({
  summary: "Check that no record was changed, removed or moved, and that the newest records are not missing.",
  description:
    "Records that are removed after the newest anchor cannot be detected; an anchor is written at least every minute.",
  roles: people,
  effect: "read",
  params: z.strictObject({}),
  result: z.object({
    ok: z.boolean(),
    records: z.int().describe("How many records were checked."),
    anchors: z.int().describe("How many anchors agree."),
    first_bad: z.int().optional().describe("The first `seq` that is wrong."),
    reason: z.string().optional(),
  }),
  errors: ["KEYSTORE_LOCKED"],
  example: { params: {}, result: { ok: true, records: 812, anchors: 20 } },
});

const exportAll = defineMethod({
  summary: "Export the audit record.",
  roles: people,
  effect: "read",
  params: z.strictObject({
    format: z.enum(["jsonl", "cef"]).default("jsonl").describe("The format: JSON lines, or the Common Event Format."),
    after: z.int().min(0).default(0).describe("Only records after this `seq`."),
  }),
  stream: z.object({ line: z.string() }),
  result: z.object({ records: z.int(), last_seq: z.int() }),
  errors: [],
  example: { params: {}, result: { records: 812, last_seq: 812 } },
});

/** Every method of this file, by its name. */
export const auditMethods = {
  "audit.tail": tail,
  "audit.verify": verify,
  "audit.export": exportAll,
} as const;
