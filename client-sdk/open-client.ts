import type { EventEnvelope } from "@armorclaw/protocol";
import { parseJson } from "@armorclaw/protocol/long-json";
import type { JSONRPCError, JSONRPCResponse } from "json-rpc-2.0";
import { Calls } from "./calls.ts";
import { Connection } from "./connection.ts";
import { withNamespaces } from "./namespaces.ts";
import { plainItem } from "./plain-item.ts";
import { Streams } from "./streams.ts";
import { type SubscriptionNotice, Subscriptions } from "./subscriptions.ts";
import { batching } from "./transport/batching.ts";
import type { OpenTransport } from "./transport/transport.ts";
import { type ConnectionError, errorFromWire } from "./types/errors.ts";
import type {
  BridgeClient,
  Call,
  CallOptions,
  ClientCore,
  ConnectionOptions,
  ConnectionState,
} from "./types/options.ts";

const defaults = {
  reconnect: { initialMs: 100, maxMs: 5_000 },
  deadlineMs: 30_000,
  sendQueueMax: 1_024,
  sendQueueBytesMax: 16 * 1024 * 1024,
  heartbeatMs: 30_000,
};

/** A client that has not started to connect. */
interface Opened {
  readonly client: BridgeClient;
  /** Resolves with the first connection; rejects when the first attempt fails. */
  started(): Promise<void>;
}

type StateListener = (state: ConnectionState, reason: unknown) => void;

/** Creates a client over any transport. */
export function openClient(options: ConnectionOptions, transport: OpenTransport): Opened {
  const { deadlineMs = defaults.deadlineMs } = options;
  const listeners = new Set<StateListener>();
  const calls = new Calls({
    send: (id, line, kind) => connection.send(id, line, kind),
    notify: (line) => connection.notify(line),
    forget: (id) => connection.forget(id),
  });
  const streams = new Streams(calls);
  const subscriptions = new Subscriptions(calls, deadlineMs);
  const call: Call = (name, ...[params, callOptions]: [unknown?, CallOptions?]) =>
    calls.start(name, params, { deadlineMs, ...callOptions }).result as Promise<never>;
  const greetingCall: Call = (name, ...[params, callOptions]: [unknown?, CallOptions?]) =>
    calls.start(name, params, { deadlineMs, ...callOptions }, "greeting").result as Promise<never>;

  const connection = new Connection({
    open: options.batch === true ? batching(transport) : transport,
    reconnect: options.reconnect ?? defaults.reconnect,
    sendQueueMax: options.sendQueueMax ?? defaults.sendQueueMax,
    sendQueueBytesMax: options.sendQueueBytesMax ?? defaults.sendQueueBytesMax,
    heartbeatMs: options.heartbeatMs ?? defaults.heartbeatMs,
    ping: (deadlineMs) => calls.start("rpc.ping", {}, { deadlineMs }, "greeting").result,
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

/** Handles one line. Throws when the line is not a message of a bridge, because the connection is then unusable. */
function dispatch(line: string, calls: Calls, streams: Streams, subscriptions: Subscriptions, connection: Connection) {
  const plain = plainItem(line);
  if (plain !== undefined) return streams.receive(plain);
  const message = parseJson(line) as Message | readonly Message[];
  if (!Array.isArray(message)) receive(message as Message, calls, streams, subscriptions, connection);
  else for (const answer of message) receive(answer, calls, streams, subscriptions, connection);
}

interface Message {
  readonly method?: string;
  readonly params?: unknown;
  readonly id?: unknown;
  readonly error?: JSONRPCError;
}

function receive(
  message: Message,
  calls: Calls,
  streams: Streams,
  subscriptions: Subscriptions,
  connection: Connection,
) {
  if (message.method === "event.push") {
    subscriptions.receive(message.params as { subscription_id: string; event: EventEnvelope });
  } else if (message.method === "event.gap") {
    subscriptions.gap(message.params as SubscriptionNotice);
  } else if (message.method === "event.end") {
    subscriptions.ended(message.params as SubscriptionNotice);
  } else if (message.method === "rpc.stream") {
    streams.receive(message.params as { id: number; item: unknown });
  } else if (typeof message.id === "number") {
    calls.receive(message as JSONRPCResponse);
  } else if (message.error !== undefined) {
    connection.explain(errorFromWire(message.error));
  }
}
