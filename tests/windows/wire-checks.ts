import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "@armorclaw/client-sdk";
import type { Checks } from "./checks.ts";
import { hasSaid, start } from "./programs.ts";

const pipe = "\\\\.\\pipe\\armorclaw-fixtures";
const conformance = join(import.meta.dirname, "../../tests/conformance");

/**
 * A pipe cannot be half-closed: a peer closes it in both directions, and an answer that takes longer may or may not
 * reach it.
 */
const notOnPipes = "frame/half-close-still-answered";

/** The daemon's listener, framing, limits and dispatcher on a pipe: the client SDK, and every conformance case. */
export async function wireChecks(checks: Checks): Promise<void> {
  const server = start("fixture-server.mjs", ["--socket", pipe]);
  try {
    await hasSaid(server, "listening");
    await sdkChecks(checks);
    for (const { name, ok, why = "" } of await runConformance())
      await checks.check(`conformance: ${name}`, () => assert(ok || name === notOnPipes, why));
  } finally {
    server.child.kill();
    await server.ended;
  }
}

async function sdkChecks(checks: Checks): Promise<void> {
  await using client = await connect({ socketPath: pipe });
  await checks.check("the SDK calls over a pipe that asks for no token", async () => {
    assert.deepEqual(await client.call("subtract", { minuend: 42, subtrahend: 23 }), 19);
  });
  await checks.check("1,000 calls at once are answered each with its own", async () => {
    const answers = await Promise.all(Array.from({ length: 1_000 }, (_, n) => client.call("echo", [n])));
    assert.deepEqual(
      answers,
      Array.from({ length: 1_000 }, (_, n) => [n]),
    );
  });
  await checks.check("8 MiB go there and back", async () => {
    const text = "ü".repeat(4 * 1024 * 1024);
    assert.deepEqual(await client.call("echo", [text]), [text]);
  });
  await checks.check("a stream of 500 items of 16 KiB comes whole, at its consumer's pace", async () => {
    const items = client.stream("stream", { count: 500, bytes: 16_384 });
    let count = 0;
    for await (const item of items) {
      assert.equal((item as string).length, 16_384);
      count += 1;
    }
    assert.equal(count, 500);
    assert.equal(await items.result, 500);
  });
  await checks.check("calls of one turn travel as one batch where that is asked for", async () => {
    await using batching = await connect({ socketPath: pipe, batch: true });
    assert.deepEqual(await Promise.all([batching.call("sum", [1, 2]), batching.call("sum", [3, 4])]), [3, 7]);
  });
  await checks.check("50 clients at once are each served", async () => {
    await using clients = new AsyncDisposableStack();
    const opened = await Promise.all(Array.from({ length: 50 }, () => connect({ socketPath: pipe })));
    for (const one of opened) clients.use(one);
    const answers = await Promise.all(opened.map((one, n) => one.call("echo", [n])));
    assert.deepEqual(
      answers,
      opened.map((_, n) => [n]),
    );
  });
}

interface CaseOutcome {
  readonly name: string;
  readonly ok: boolean;
  readonly why?: string;
}

async function runConformance(): Promise<CaseOutcome[]> {
  const report = "conformance.json";
  const files = [`--cases=${join(conformance, "cases.json")}`, `--json=${report}`];
  const runner = spawn(process.execPath, [join(conformance, "run-conformance.mjs"), `--socket=${pipe}`, ...files], {
    stdio: "ignore",
  });
  await once(runner, "close");
  const outcomes = JSON.parse(readFileSync(report, "utf8")) as CaseOutcome[];
  const { cases } = JSON.parse(readFileSync(join(conformance, "cases.json"), "utf8")) as { readonly cases: unknown[] };
  assert.equal(outcomes.length, cases.length);
  return outcomes;
}
