import type { EventEnvelope } from "@armorclaw/protocol";
import type { JSONRPCError, JSONRPCResponse } from "json-rpc-2.0";
import { Calls } from "./calls.ts";
import { Connection } from "./connection.ts";
import { ConnectionError, errorFromWire } from "./errors.ts";
import { withNamespaces } from "./namespaces.ts";
import { socketTransport } from "./socket-transport.ts";
import { Streams } from "./streams.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { OpenTransport } from "./transport.ts";
import type { BridgeClient, Call, CallOptions, ClientCore, ClientOptions, ConnectionState } from "./types.ts";

const defaults = { reconnect: { initialMs: 100, maxMs: 5_000 }, deadlineMs: 30_000, sendQueueMax: 1_024 };

/** A client that connects when it is first used. It must be closed. */
export function createClient(options: ClientOptions): BridgeClient {
  return open(options, socketTransport(options.socketPath)).client;
}

/**
 * A connected client. It must be closed: `await using client = await connect({ socketPath })`.
 * @throws ConnectionError NOT_CONNECTED when the first attempt fails; its `cause` says why
 */
export async function connect(options: ClientOptions): Promise<BridgeClient> {
  const { client, started } = open(options, socketTransport(options.socketPath));
  try {
    await started();
    return client;
  } catch (cause) {
    await client.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConnectionError("NOT_CONNECTED", `No bridge answers at ${options.socketPath}: ${why}`, { cause });
  }
}

type StateListener = (state: ConnectionState, reason: unknown) => void;

function open(options: ClientOptions, transport: OpenTransport): { client: BridgeClient; started(): Promise<void> } {
  const { deadlineMs = defaults.deadlineMs } = options;
  const listeners = new Set<StateListener>();
  const calls = new Calls({
    send: (id, line, greeting) => connection.send(id, line, greeting),
    notify: (line) => connection.notify(line),
    forget: (id) => connection.forget(id),
  });
  const streams = new Streams(calls);
  const subscriptions = new Subscriptions(calls, deadlineMs);
  const call: Call = (name, ...[params, callOptions]: [unknown?, CallOptions?]) =>
    calls.start(name, params, { deadlineMs, ...callOptions }).result as Promise<never>;
  const greetingCall: Call = (name, ...[params, callOptions]: [unknown?, CallOptions?]) =>
    calls.start(name, params, { deadlineMs, ...callOptions }, true).result as Promise<never>;

  const connection = new Connection({
    open: transport,
    reconnect: options.reconnect ?? defaults.reconnect,
    sendQueueMax: options.sendQueueMax ?? defaults.sendQueueMax,
    greet: async () => options.greet?.(greetingCall),
    onLine: (line) => {
      try {
        dispatch(line, calls, streams, subscriptions, connection);
      } catch (cause) {
        connection.reset(new Error("The bridge sent a line that is not a JSON-RPC message", { cause }));
      }
    },
    onLost: (ids, error) => {
      calls.fail(ids, error);
      subscriptions.disconnected();
    },
    onState: (state, reason) => {
      if (state === "connected") subscriptions.connected();
      if (state === "closed") subscriptions.close(reason as ConnectionError);
      for (const listener of [...listeners]) listener(state, reason);
    },
  });

  const close = () => {
    options.signal?.removeEventListener("abort", close);
    return connection.close();
  };
  options.signal?.addEventListener("abort", close, { once: true });
  if (options.signal?.aborted) void close();

  const core: ClientCore = {
    call,
    stream: (name: string, params?: unknown, callOptions: CallOptions = {}) =>
      streams.start(name, params, callOptions) as never,
    subscribe: (params, subscribeOptions = {}) => subscriptions.add(params, subscribeOptions),
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
  return { client: withNamespaces(core), started: () => connection.start() };
}

/** Takes one line off the wire. Throws when it is not what a bridge sends, so that the connection cannot be trusted. */
function dispatch(line: string, calls: Calls, streams: Streams, subscriptions: Subscriptions, connection: Connection) {
  const message: { method?: string; params?: unknown; id?: unknown; error?: JSONRPCError } = JSON.parse(line);
  if (message.method === "event.push") {
    subscriptions.receive(message.params as { subscription_id: string; event: EventEnvelope });
  } else if (message.method === "rpc.stream") {
    streams.receive(message.params as { id: number; item: unknown });
  } else if (typeof message.id === "number") {
    calls.receive(message as JSONRPCResponse);
  } else if (message.error !== undefined) {
    connection.explain(errorFromWire(message.error));
  }
}
