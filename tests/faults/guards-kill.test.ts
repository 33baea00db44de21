import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "@jest/globals";
import { nodeBinary } from "../support/daemon.ts";
import { bundleWriter } from "../support/security/guard-bundle.ts";
import { guardsOn } from "../support/security/guard-store.ts";
import { tempDirectory } from "../support/temp.ts";

const kills = Number(process.env["ARMORCLAW_TEST_KILLS"] ?? 300);
/** A directory is used by this many writers in a row: each opens the files of the one before. */
const killsPerDirectory = 15;
const lanes = 2;

interface Acknowledged {
  /** Key → the acknowledged versions, with the values' names. */
  readonly stored: Map<string, { version: number; name: string }>;
  readonly recorded: Set<string>;
  readonly approvals: Map<string, string>;
  lines: number;
}

/** Runs one writer and kills it at a random moment after it has reported ready. */
async function killOne(writer: string, directory: string, afterMs: number, seen: Acknowledged): Promise<void> {
  const child = spawn(nodeBinary, [writer, directory], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk;
  });
  const closed = once(child, "close");
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk;
    timer ??= setTimeout(() => child.kill("SIGKILL"), afterMs);
  });
  await closed;
  clearTimeout(timer);
  if (child.signalCode !== "SIGKILL") throw new Error(`The writer ended by itself: ${errors}${text.slice(-300)}`);
  // Text after the last newline does not count.
  for (const line of text.split("\n").slice(0, -1)) take(line.split(" "), seen);
}

function take([what, id = "", version = "", name = ""]: string[], seen: Acknowledged): void {
  seen.lines += 1;
  if (what === "stored") seen.stored.set(id, { version: Number(version), name });
  else if (what === "recorded") seen.recorded.add(id);
  else if (what === "asked" || what === "approved" || what === "used") seen.approvals.set(id, what);
  else if (what === "error") throw new Error(`The writer met ${id}`);
}

/** Opens the files of the killed writer and compares them with the acknowledged writes. @returns how long the opening took */
async function check(directory: string, seen: Acknowledged): Promise<number> {
  const startedAt = performance.now();
  const guards = await guardsOn(directory);
  const recoveryMs = performance.now() - startedAt;
  try {
    const { store, keystore, audit, approvals } = guards;
    expect(store.read((sql) => sql.all("PRAGMA integrity_check"))).toEqual([{ integrity_check: "ok" }]);
    keystore.verify();
    expect(await audit.verify()).toMatchObject({ ok: true });
    const lost: unknown[] = [];
    for (const [id, { version, name }] of seen.stored) {
      const { info, value } = await keystore.read(id);
      const isSame = info.version === version && value.reveal() === `${id} ${name}`;
      if (info.version < version || (info.version === version && !isSame)) lost.push({ id, version, info });
    }
    const finished = new Set<string>();
    for (let page = audit.after(0); page.length > 0; page = audit.after(page.at(-1)?.seq ?? 0))
      for (const { correlationId, outcome } of page) if (outcome === "ok") finished.add(correlationId);
    for (const name of seen.recorded) if (!finished.has(name)) lost.push({ record: name });
    const order = ["asked", "approved", "used"];
    const reached: Record<string, string> = { pending_approval: "asked", approved: "approved", used: "used" };
    for (const [id, said] of seen.approvals) {
      const now = reached[approvals.get(id).status] ?? "gone";
      if (order.indexOf(now) < order.indexOf(said)) lost.push({ approval: id, said, now });
      // An approval that was used once is not used again, whatever was killed in between.
      if (said === "used") {
        const { requester, method, request } = approvals.get(id);
        const again = await approvals.demand({ requester, method, request }).then(
          () => "used twice",
          () => undefined,
        );
        if (again !== undefined) lost.push({ approval: id, again });
        seen.approvals.delete(id);
      }
    }
    expect(lost).toEqual([]);
  } finally {
    await guards.close();
  }
  return recoveryMs;
}

test(
  `${kills} times kill -9 during writes: no acknowledged write is lost, no chain breaks, no approval is used twice`,
  async () => {
    const recoveries: number[] = [];
    using tools = tempDirectory();
    const writer = bundleWriter(tools.path);
    let acknowledged = 0;
    let killed = 0;
    const lane = async () => {
      while (killed < kills) {
        using directory = tempDirectory();
        const seen: Acknowledged = { stored: new Map(), recorded: new Set(), approvals: new Map(), lines: 0 };
        for (let number = 0; number < killsPerDirectory && killed < kills; number++) {
          killed += 1;
          await killOne(writer, directory.path, (killed * 37) % 150, seen);
          recoveries.push(await check(directory.path, seen));
        }
        acknowledged += seen.lines;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    recoveries.sort((a, b) => a - b);
    const at = (share: number) => (recoveries[Math.floor(recoveries.length * share)] ?? 0).toFixed(1);
    process.stderr.write(
      `${killed} kills, ${acknowledged} acknowledgements, 0 lost; recovery p50 ${at(0.5)} ms, p99 ${at(0.99)} ms\n`,
    );
    expect(acknowledged).toBeGreaterThan(kills * 3);
  },
  Math.max(240_000, kills * 1_500),
);
