import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { LineServer, type Reply, until } from "../tests/support/wire/line-server.ts";
import { type BridgeClient, connect } from "./index.ts";

let server: LineServer;
let client: BridgeClient;
let answer: Reply | undefined;
let streamId: number | undefined;
beforeEach(async () => {
  server = await LineServer.open(({ id, method }, reply) => {
    if (method !== "agent.logs") return {};
    answer = reply;
    streamId = id;
    return undefined;
  });
  client = await connect({ socketPath: server.path, reconnect: { initialMs: 10, maxMs: 50 } });
});
afterEach(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

const start = async (signal?: AbortSignal) => {
  const stream = client.stream("agent.logs", { agent_id: "heartbeat-1" }, { signal });
  await until(() => streamId !== undefined && server.of("agent.logs").length > 0, "the call arrived");
  return stream;
};
const item = (n: number) =>
  answer?.({ method: "rpc.stream", params: { id: streamId, seq: n, item: { line: String(n) } } });

describe("a stream", () => {
  test("yields its items in order, then its result", async () => {
    const stream = await start();
    for (let n = 0; n < 10; n++) item(n);
    answer?.({ id: streamId, result: { lines: 10 } });
    const lines: string[] = [];
    for await (const { line } of stream) lines.push(line);
    expect(lines).toEqual(Array.from({ length: 10 }, (_, n) => String(n)));
    expect(await stream.result).toEqual({ lines: 10 });
  });

  test("grants credit only as items are consumed", async () => {
    const stream = await start();
    for (let n = 0; n < 64; n++) item(n);
    await client.rpc.ping();
    expect(server.of("rpc.stream_credit")).toHaveLength(0);
    const iterator = stream[Symbol.asyncIterator]();
    for (let n = 0; n < 40; n++) await iterator.next();
    await client.rpc.ping();
    expect(server.of("rpc.stream_credit").map(({ params }) => params)).toEqual([{ id: streamId, n: 32 }]);
  });

  test("a bridge that sends beyond its credit ends the stream", async () => {
    const stream = await start();
    for (let n = 0; n < 65; n++) item(n);
    await expect(stream.result).rejects.toMatchObject({ code: "CANCELLED", cause: { code: "QUEUE_FULL" } });
  });

  test("breaking out of the iteration cancels the call", async () => {
    const stream = await start();
    item(0);
    for await (const _ of stream) break;
    await expect(stream.result).rejects.toMatchObject({ code: "CANCELLED" });
    await until(() => server.of("rpc.cancel").length === 1, "rpc.cancel");
    expect(server.of("rpc.cancel")[0]?.params).toEqual({ id: streamId });
  });

  test("an abort cancels the call and ends the iteration with CANCELLED", async () => {
    const abort = new AbortController();
    const stream = await start(abort.signal);
    abort.abort();
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "CANCELLED" });
    await until(() => server.of("rpc.cancel").length === 1, "rpc.cancel");
  });

  test("a lost connection ends the iteration with CLOSED", async () => {
    const stream = await start();
    server.drop();
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "CLOSED" });
  });
});
