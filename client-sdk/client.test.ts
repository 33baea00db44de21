import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { LineServer, until } from "../tests/support/wire/line-server.ts";
import { type BridgeClient, BridgeError, type ClientOptions, connect, createClient, RemoteError } from "./index.ts";

const reconnect = { initialMs: 10, maxMs: 50 };
const caught = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => undefined).catch((error) => error);

let server: LineServer;
let client: BridgeClient;
beforeEach(async () => {
  server = await LineServer.open();
});
afterEach(async () => {
  await client?.close();
  await server[Symbol.asyncDispose]();
});
const open = async (options: Partial<ClientOptions> = {}) => {
  client = await connect({ socketPath: server.path, reconnect, ...options });
};

describe("calls", () => {
  test("are sent as JSON-RPC requests and resolve with the result", async () => {
    server.handler = ({ params }) => ({ echoed: params });
    await open();
    expect(await client.agent.start({ agent_type: "heartbeat" })).toEqual({ echoed: { agent_type: "heartbeat" } });
    expect(await client.bridge.status()).toEqual({ echoed: {} });
    expect(await client.call("future.method", { a: 1 })).toEqual({ echoed: { a: 1 } });
    expect(server.received.map(({ method }) => method)).toEqual(["agent.start", "bridge.status", "future.method"]);
  });

  test("are typed by the contract", async () => {
    server.handler = () => ({ agents: [] });
    await open();
    const { agents } = await client.agent.list();
    expect(agents.map((agent) => agent.agent_id)).toEqual([]);
    // @ts-expect-error agent_type is required
    await client.agent.start({});
    // @ts-expect-error a known method's params are checked by name as well
    await client.call("agent.start", { nonsense: 1 });
    // @ts-expect-error a streaming method is called through `stream`
    expect(client.agent.logs).toBeDefined();
  });

  test("a thousand concurrent calls each get their own answer", async () => {
    server.handler = ({ params }) => params.n;
    await open();
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, n) => client.call("x.echo", { n })));
    expect(answers).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });

  test("a catalogue error is rebuilt with its details, correlation id and retryability", async () => {
    const data = { code: "AGENT_NOT_FOUND", retryable: false, correlation_id: "c-1", details: { agent_id: "x" } };
    server.handler = ({ id }, reply) => reply({ id, error: { code: -2, message: "No agent x", data } });
    await open();
    const error = await caught(client.agent.get({ agent_id: "x" }));
    expect(error).toBeInstanceOf(BridgeError);
    expect(error).toMatchObject({ code: "AGENT_NOT_FOUND", message: "No agent x", details: { agent_id: "x" } });
    expect(error).toMatchObject({ correlationId: "c-1", retryable: false });
  });

  test("an error of a newer bridge is a RemoteError that keeps everything", async () => {
    const data = { code: "FROM_THE_FUTURE", retryable: true };
    server.handler = ({ id }, reply) => reply({ id, error: { code: 9000, message: "New", data } });
    await open();
    const error = await caught(client.rpc.ping());
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ code: "FROM_THE_FUTURE", rpcCode: 9000, message: "New", retryable: true, data });
  });

  test("a deadline rejects with TIMEOUT and cancels the call in the bridge", async () => {
    server.handler = () => undefined;
    await open();
    expect(await caught(client.rpc.ping({}, { deadlineMs: 20 }))).toMatchObject({ code: "TIMEOUT" });
    await until(() => server.of("rpc.cancel").length === 1, "rpc.cancel");
    expect(server.of("rpc.cancel")[0]?.params).toEqual({ id: server.of("rpc.ping")[0]?.id });
  });

  test("an abort rejects with CANCELLED and cancels the call in the bridge", async () => {
    server.handler = () => undefined;
    await open();
    const abort = new AbortController();
    const call = caught(client.rpc.ping({}, { signal: abort.signal }));
    await until(() => server.of("rpc.ping").length === 1, "the call arrived");
    abort.abort();
    expect(await call).toMatchObject({ code: "CANCELLED" });
    await until(() => server.of("rpc.cancel").length === 1, "rpc.cancel");
    expect(await caught(client.rpc.ping({}, { signal: abort.signal }))).toMatchObject({ code: "CANCELLED" });
    expect(server.of("rpc.ping")).toHaveLength(1);
  });

  test("a line over the limit is refused before it is sent", async () => {
    await open();
    const call = client.call("x.big", { text: "x".repeat(16 * 1024 * 1024) });
    expect(await caught(call)).toMatchObject({ code: "FRAME_TOO_LARGE" });
    expect(await client.rpc.ping()).toEqual({});
  });

  test("a large answer arrives whole", async () => {
    const text = "ü".repeat(2_000_000);
    server.handler = () => ({ text });
    await open();
    expect(await client.call("x.big")).toEqual({ text });
  });
});

describe("the connection", () => {
  test("connect rejects with NOT_CONNECTED and the cause when nobody listens", async () => {
    await server.stop();
    const error = await caught(connect({ socketPath: server.path }));
    expect(error).toMatchObject({ code: "NOT_CONNECTED", cause: { code: "ENOENT" } });
  });

  test("a lazy client connects at its first call, even to a bridge that comes later", async () => {
    await server.stop();
    client = createClient({ socketPath: server.path, reconnect });
    const call = client.call("x.late", {});
    await server.listen();
    expect(await call).toEqual({});
  });

  test("a call in flight rejects with CLOSED when the connection drops and is not sent again", async () => {
    server.handler = ({ method }) => (method === "rpc.ping" ? {} : undefined);
    await open();
    const states: string[] = [];
    client.onState((state) => states.push(state));
    const call = caught(client.bridge.shutdown());
    await until(() => server.received.length === 1, "the call arrived");
    server.drop();
    expect(await call).toMatchObject({ code: "CLOSED" });
    await client.rpc.ping();
    expect(server.of("bridge.shutdown")).toHaveLength(1);
    expect(states).toEqual(["reconnecting", "connected"]);
  });

  test("calls without a connection wait for the next one, up to the bound", async () => {
    await open({ sendQueueMax: 2 });
    const lost = new Promise((resolve) => client.onState((state) => state === "reconnecting" && resolve(undefined)));
    await server.stop();
    await lost;
    const waiting = [client.call("x.a"), client.call("x.b")];
    expect(await caught(client.call("x.c"))).toMatchObject({ code: "QUEUE_FULL" });
    await server.listen();
    expect(await Promise.all(waiting)).toEqual([{}, {}]);
  });

  test("a call whose deadline passes before a connection comes is never sent", async () => {
    await open();
    const lost = new Promise((resolve) => client.onState((state) => state === "reconnecting" && resolve(undefined)));
    await server.stop();
    await lost;
    expect(await caught(client.call("x.a", {}, { deadlineMs: 30 }))).toMatchObject({ code: "TIMEOUT" });
    await server.listen();
    await client.rpc.ping();
    expect(server.of("x.a")).toHaveLength(0);
  });

  test("the greeting is first on every connection", async () => {
    await open({ greet: (call) => call("agent.hello", { runtime_version: "1", pid: 1 }) });
    await client.call("x.a");
    server.drop();
    await until(() => server.connections === 2, "a second connection");
    await client.call("x.b");
    const methods = server.received.map(({ connection, method }) => `${connection} ${method}`);
    expect(methods).toEqual(["1 agent.hello", "1 x.a", "2 agent.hello", "2 x.b"]);
  });

  test("a refused greeting closes the client with the refusal", async () => {
    const refusal = { code: -32001, message: "Not you", data: { code: "FORBIDDEN", retryable: false } };
    server.handler = ({ id }, reply) => reply({ id, error: refusal });
    const error = await caught(open({ greet: (call) => call("rpc.ping") }));
    expect(error).toMatchObject({ code: "NOT_CONNECTED", cause: { code: "FORBIDDEN" } });
  });

  test("gives up after the configured time, and reports it", async () => {
    await open({ reconnect: { ...reconnect, giveUpAfterMs: 50 } });
    const closed = new Promise((resolve) => client.onState((state) => state === "closed" && resolve(state)));
    await server.stop();
    await closed;
    expect(await caught(client.rpc.ping())).toMatchObject({ code: "CLOSED" });
  });

  test("an error of the bridge about the whole connection is the cause of its end", async () => {
    server.handler = () => undefined;
    await open({ reconnect: false });
    const call = caught(client.rpc.ping());
    await until(() => server.received.length === 1, "the call arrived");
    const data = { code: "TOO_MANY_CONNECTIONS", retryable: true };
    server.broadcast({ jsonrpc: "2.0", id: null, error: { code: -32009, message: "Too many", data } });
    await new Promise((resolve) => setImmediate(resolve));
    server.drop();
    expect(await call).toMatchObject({ code: "CLOSED", cause: { code: "TOO_MANY_CONNECTIONS" } });
  });

  test("a line that is not a message ends the connection, and the next connection works", async () => {
    await open();
    await client.rpc.ping();
    server.raw("not json\n");
    await until(() => server.connections === 2, "a second connection");
    expect(await client.rpc.ping()).toEqual({});
  });

  test("close rejects what is in flight and is idempotent", async () => {
    server.handler = () => undefined;
    await open();
    const call = caught(client.rpc.ping());
    await Promise.all([client.close(), client.close()]);
    expect(await call).toMatchObject({ code: "CLOSED" });
    expect(await caught(client.rpc.ping())).toMatchObject({ code: "CLOSED" });
  });

  test("an aborted signal closes the client", async () => {
    const abort = new AbortController();
    await open({ signal: abort.signal });
    const closed = new Promise((resolve) => client.onState((state) => state === "closed" && resolve(state)));
    abort.abort();
    expect(await closed).toBe("closed");
  });
});
