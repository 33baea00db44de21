import type { AnyMethod } from "@armorclaw/protocol";
import { roles } from "@armorclaw/protocol";
import { JSONRPCErrorException } from "json-rpc-2.0";
import * as z from "zod";
import type { Clock } from "../../../bridge/platform/clock.ts";
import { delay } from "../../../bridge/platform/clock.ts";
import type { Call, Peer } from "../../../bridge/rpc/dispatch/call.ts";
import type { AnyHandler } from "../../../bridge/rpc/dispatch/method-table.ts";

/** The most characters of a result's text, so that no request can exhaust the machine's memory. */
const bigMax = 64 * 1024 * 1024;

const anything = z.unknown();
const none = z.union([z.tuple([]), z.strictObject({})]).optional();
const topic = z.tuple([z.string().max(200)]);

export const fixture = (params: z.ZodType, stream?: z.ZodType): AnyMethod => ({
  summary: "A fixture.",
  roles,
  effect: "read",
  params,
  result: anything,
  errors: [],
  example: { params: {}, result: null },
  ...(stream === undefined ? {} : { stream }),
});

const number = z.number();

/** The methods that the conformance cases call. */
export const fixtureContract: Record<string, AnyMethod> = {
  ping: fixture(anything),
  echo: fixture(anything),
  subtract: fixture(z.union([z.tuple([number, number]), z.strictObject({ minuend: number, subtrahend: number })])),
  sum: fixture(z.array(number)),
  update: fixture(anything),
  notify_hello: fixture(anything),
  notify_sum: fixture(anything),
  get_data: fixture(none),
  slow: fixture(z.tuple([z.int().min(0).max(60_000)])),
  big: fixture(z.tuple([z.int().min(0).max(bigMax)])),
  fail_custom: fixture(anything),
  fail_internal: fixture(anything),
  fail_async: fixture(anything),
  throw_string: fixture(anything),
  throw_null: fixture(anything),
  throw_undefined: fixture(anything),
  return_undefined: fixture(anything),
  return_null: fixture(anything),
  return_bigint: fixture(anything),
  return_circular: fixture(anything),
  return_throwing_tojson: fixture(anything),
  subscribe: fixture(topic),
  unsubscribe: fixture(topic),
  publish: fixture(z.tuple([z.string().max(200), z.int().min(0).max(100_000), z.int().min(0).max(1_048_576)])),
  /** Streams `count` items of `bytes` characters each, and returns how many it sent. */
  stream: fixture(z.strictObject({ count: z.int().min(0), bytes: z.int().min(0).max(1_048_576) }), z.string()),
};

type Pair = [number, number] | { minuend: number; subtrahend: number };

const thrower = (value: unknown) => () => {
  throw value;
};

export function fixtureHandlers(clock: Clock): Record<string, AnyHandler> {
  const topics = new Topics();
  return {
    ping: () => "pong",
    echo: (params: unknown) => params,
    subtract: (pair: Pair) => (Array.isArray(pair) ? pair[0] - pair[1] : pair.minuend - pair.subtrahend),
    sum: (numbers: number[]) => numbers.reduce((total, each) => total + each, 0),
    update: () => null,
    notify_hello: () => null,
    notify_sum: () => null,
    get_data: () => ["hello", 5],
    slow: async ([ms]: [number], call) => {
      await delay(clock, ms, call.signal);
      return ms;
    },
    big: ([length]: [number]) => "x".repeat(length),
    fail_custom: thrower(new JSONRPCErrorException("custom", -32050, { why: "because" })),
    fail_internal: () => {
      throw new Error("secret-detail");
    },
    fail_async: async () => {
      throw new Error("secret-detail");
    },
    throw_string: thrower("x"),
    throw_null: thrower(null),
    throw_undefined: thrower(undefined),
    return_undefined: () => undefined,
    return_null: () => null,
    return_bigint: () => 1n,
    return_circular: () => {
      const circle: Record<string, unknown> = {};
      circle["self"] = circle;
      return circle;
    },
    return_throwing_tojson: () => ({
      toJSON() {
        throw new Error("secret-detail");
      },
    }),
    subscribe: ([name]: [string], call) => topics.subscribe(name, call.peer),
    unsubscribe: ([name]: [string], call) => topics.unsubscribe(name, call.peer),
    publish: ([name, count, bytes]: [string, number, number]) => topics.publish(name, count, bytes),
    stream: async ({ count, bytes }: { count: number; bytes: number }, call) => {
      const item = "x".repeat(bytes);
      for (let sent = 0; sent < count; sent++) await call.write(item);
      return count;
    },
  };
}

/** Topics and their subscribers, pushed with `Peer.push` like events. */
class Topics {
  readonly #topics = new Map<string, { seq: number; readonly peers: Set<Call["peer"]> }>();

  subscribe(name: string, peer: Peer): boolean {
    this.#topic(name).peers.add(peer);
    peer.onClose(() => this.unsubscribe(name, peer));
    return true;
  }

  unsubscribe(name: string, peer: Peer): boolean {
    const topic = this.#topics.get(name);
    const wasThere = topic?.peers.delete(peer) ?? false;
    if (topic?.peers.size === 0) this.#topics.delete(name);
    return wasThere;
  }

  publish(name: string, count: number, bytes: number): number {
    const topic = this.#topics.get(name);
    if (topic === undefined) return count;
    const data = "x".repeat(bytes);
    for (let sent = 0; sent < count; sent++) {
      topic.seq += 1;
      const line = { jsonrpc: "2.0", method: "event", params: { topic: name, seq: topic.seq, data } };
      const encoded = Buffer.from(`${JSON.stringify(line)}\n`);
      for (const peer of topic.peers) peer.push(encoded);
    }
    return count;
  }

  #topic(name: string) {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = { seq: 0, peers: new Set() };
      this.#topics.set(name, topic);
    }
    return topic;
  }
}
