import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { tempDirectory } from "../../tests/support/temp.ts";
import { until } from "../../tests/support/until.ts";
import { systemClock } from "./clock.ts";
import { WorkerRpcClient, type WorkerRpcOptions } from "./worker-rpc.ts";

type Methods = {
  readonly double: { readonly params: number; readonly result: number };
  readonly fail: { readonly params: string; readonly result: never };
  readonly never: { readonly params: null; readonly result: null };
  readonly crash: { readonly params: null; readonly result: null };
};

const program = `
import { parentPort } from "node:worker_threads";
import { postNotice, serveWorker } from ${JSON.stringify(new URL("./worker-rpc.ts", import.meta.url).href)};
serveWorker(parentPort, {
  handlers: {
    double: (number) => number * 2,
    fail: async (text) => { throw new Error(text); },
    never: () => new Promise(() => {}),
    crash: () => setImmediate(() => { throw new Error("crashed"); }),
  },
  failureOf: (error) => ({ text: error.message }),
  onCommand: (command) => postNotice(parentPort, { got: command }),
  onEnd: async () => postNotice(parentPort, { got: "end" }),
});
`;

function open(directory: string, options: Partial<WorkerRpcOptions<{ got: string }, { text: string }>> = {}) {
  const file = join(directory, "program.ts");
  writeFileSync(file, program);
  const [notices, exits]: [string[], unknown[]] = [[], []];
  const client = new WorkerRpcClient<Methods, { got: string }, string, { text: string }>({
    program: pathToFileURL(file),
    name: "test",
    workerData: null,
    clock: systemClock,
    inFlightMax: 2,
    deadlineMs: 10_000,
    errorOf: ({ text }) => new Error(`failed: ${text}`),
    noAnswer: (why, method) => new Error(`${method}: ${why}`),
    onNotice: ({ got }) => notices.push(got),
    onExit: (error) => exits.push(error),
    ...options,
  });
  return { client, notices, exits };
}

describe("a worker's RPC", () => {
  test("answers calls, translates failures, passes commands and notices, and ends by itself", async () => {
    using directory = tempDirectory();
    const { client, notices, exits } = open(directory.path);
    await client.ready;
    expect(await client.call("double", 21)).toBe(42);
    await expect(client.call("fail", "so")).rejects.toThrow("failed: so");
    client.command("hello");
    await until("the notice", () => notices.includes("hello"));
    await client.close(5_000);
    expect(notices).toEqual(["hello", "end"]);
    expect(exits).toEqual([]);
    await expect(client.call("double", 1)).rejects.toThrow("double: ended");
  });

  test("rejects what is too much, too late or aborted, and keeps no trace of it", async () => {
    using directory = tempDirectory();
    const { client } = open(directory.path, { deadlineMs: 300 });
    await client.ready;
    const late = client.call("never", null);
    const controller = new AbortController();
    const aborted = client.call("never", null, controller.signal);
    await expect(client.call("double", 1)).rejects.toThrow("double: busy");
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await expect(late).rejects.toThrow("never: late");
    expect(await client.call("double", 2)).toBe(4);
    await client.terminate();
  });

  test("rejects the calls in flight when the worker dies, and reports the death once", async () => {
    using directory = tempDirectory();
    const { client, exits } = open(directory.path);
    const waiting = client.call("never", null);
    client.call("crash", null).catch(() => undefined);
    await expect(waiting).rejects.toThrow("never: ended");
    await expect(client.ready).resolves.toBeUndefined();
    expect(exits).toHaveLength(1);
    expect(String(exits[0])).toContain("crashed");
  });
});
