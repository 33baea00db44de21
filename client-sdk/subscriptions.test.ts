import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { LineServer, until } from "../tests/support/wire/line-server.ts";
import { type BridgeClient, connect, type Gap } from "./index.ts";

let server: LineServer;
let client: BridgeClient;
let head: number;
let reset: boolean;
beforeEach(async () => {
  head = 0;
  reset = false;
  server = await LineServer.open(({ method, params, connection }) => {
    if (method !== "event.subscribe") return {};
    const cursor = reset ? head : (params.cursor ?? head);
    return { subscription_id: `s${connection}`, cursor, cursor_reset: reset };
  });
  client = await connect({ socketPath: server.path, reconnect: { initialMs: 10, maxMs: 50 } });
});
afterEach(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

const push = (seq: number, connection = 1, more: object = {}) => {
  head = seq;
  const event = {
    id: `e${seq}`,
    seq,
    channel: "agent.a.x",
    type: "x.y",
    source: "",
    time: "",
    priority: "low",
    data: {},
  };
  server.broadcast({
    jsonrpc: "2.0",
    method: "event.push",
    params: { subscription_id: `s${connection}`, event, ...more },
  });
};
const take = async (events: AsyncIterator<{ seq: number }>, count: number) => {
  const seqs: number[] = [];
  while (seqs.length < count) seqs.push((await events.next()).value.seq);
  return seqs;
};

describe("a subscription", () => {
  test("yields events in order and unsubscribes when it is left", async () => {
    const subscription = client.subscribe({ channels: ["agent.>"], filter: { types: ["x.y"] } });
    await subscription.ready;
    expect(server.of("event.subscribe")[0]?.params).toEqual({ channels: ["agent.>"], filter: { types: ["x.y"] } });
    for (let seq = 1; seq <= 3; seq++) push(seq);
    const seqs: number[] = [];
    for await (const event of subscription) {
      seqs.push(event.seq);
      if (event.seq === 3) break;
    }
    expect(seqs).toEqual([1, 2, 3]);
    await until(() => server.of("event.unsubscribe").length === 1, "event.unsubscribe");
    expect(server.of("event.unsubscribe")[0]?.params).toEqual({ subscription_id: "s1" });
  });

  test("an event that overtakes the answer to the subscription is not lost", async () => {
    server.handler = ({ method }) => {
      if (method !== "event.subscribe") return {};
      push(1);
      return { subscription_id: "s1", cursor: 0, cursor_reset: false };
    };
    await using subscription = client.subscribe({ channels: [">"], cursor: 0 });
    expect(await take(subscription[Symbol.asyncIterator](), 1)).toEqual([1]);
  });

  test("goes on from the last event seen after a reconnect", async () => {
    await using subscription = client.subscribe({ channels: [">"] });
    const events = subscription[Symbol.asyncIterator]();
    await subscription.ready;
    push(7);
    expect(await take(events, 1)).toEqual([7]);
    server.drop();
    await until(() => server.of("event.subscribe").length === 2, "a second event.subscribe");
    expect(server.of("event.subscribe")[1]).toMatchObject({ connection: 2, params: { cursor: 7 } });
    push(8, 2);
    expect(await take(events, 1)).toEqual([8]);
  });

  test("reports a gap when the bridge no longer remembers", async () => {
    const gaps: Gap[] = [];
    await using subscription = client.subscribe({ channels: [">"] }, { onGap: (gap) => gaps.push(gap) });
    await subscription.ready;
    push(7);
    await take(subscription[Symbol.asyncIterator](), 1);
    head = 3;
    reset = true;
    server.drop();
    await until(() => gaps.length === 1, "a gap");
    expect(gaps).toEqual([{ after: 7, resumedAt: 3, skippedLow: 0 }]);
  });

  test("an event that overtook others is yielded once, and does not change the cursor to resume from", async () => {
    await using subscription = client.subscribe({ channels: [">"] });
    const events = subscription[Symbol.asyncIterator]();
    await subscription.ready;
    push(1);
    push(9, 1, { cursor: 1 });
    push(2);
    expect(await take(events, 3)).toEqual([1, 9, 2]);
    server.drop();
    await until(() => server.of("event.subscribe").length === 2, "a second event.subscribe");
    expect(server.of("event.subscribe")[1]).toMatchObject({ params: { cursor: 2 } });
    for (const seq of [3, 9, 10]) push(seq, 2);
    expect(await take(events, 2)).toEqual([3, 10]);
  });

  test("reports events that were left out", async () => {
    const gaps: Gap[] = [];
    await using subscription = client.subscribe({ channels: [">"] }, { onGap: (gap) => gaps.push(gap) });
    await subscription.ready;
    const params = { subscription_id: "s1", after: 3, resumed_at: 9, skipped_low: 2 };
    server.broadcast({ jsonrpc: "2.0", method: "event.gap", params });
    await until(() => gaps.length === 1, "the gap");
    expect(gaps).toEqual([{ after: 3, resumedAt: 9, skippedLow: 2 }]);
  });

  test("a durable subscription acknowledges, leaves its position to the bridge, and ends when another takes its name", async () => {
    await using subscription = client.subscribe({ channels: [">"], name: "pager" });
    const events = subscription[Symbol.asyncIterator]();
    await subscription.ready;
    push(7);
    const { value } = await events.next();
    if (value === undefined) throw new Error("no event");
    await subscription.ack(value);
    expect(server.of("event.ack")[0]?.params).toEqual({ subscription_id: "s1", cursor: 7 });
    server.drop();
    await until(() => server.of("event.subscribe").length === 2, "a second event.subscribe");
    expect(server.of("event.subscribe")[1]?.params).toEqual({ channels: [">"], name: "pager" });
    await subscription.ready;
    server.broadcast({ jsonrpc: "2.0", method: "event.end", params: { subscription_id: "s2", reason: "taken" } });
    await expect(events.next()).rejects.toMatchObject({ code: "CLOSED", message: "taken" });
    await expect(subscription.ack(value)).rejects.toMatchObject({ code: "NOT_CONNECTED" });
  });

  test("that ends in the same chunk as the answer that names it ends all the same", async () => {
    server.handler = ({ id }, reply) => {
      reply({ id, result: { subscription_id: "s9", cursor: 0, cursor_reset: false } });
      reply({ method: "event.end", params: { subscription_id: "s9", reason: "taken" } });
    };
    const subscription = client.subscribe({ channels: [">"], name: "pager" });
    const next = subscription[Symbol.asyncIterator]().next();
    await expect(next).rejects.toMatchObject({ code: "CLOSED", message: "taken" });
  });

  test("ends with QUEUE_FULL when its consumer falls too far behind, after what was queued", async () => {
    const subscription = client.subscribe({ channels: [">"] }, { queueMax: 2 });
    await subscription.ready;
    for (let seq = 1; seq <= 4; seq++) push(seq);
    await until(() => server.of("event.unsubscribe").length === 1, "event.unsubscribe");
    const events = subscription[Symbol.asyncIterator]();
    expect(await take(events, 2)).toEqual([1, 2]);
    await expect(events.next()).rejects.toMatchObject({ code: "QUEUE_FULL", message: expect.stringContaining("2") });
  });

  test("a refusal ends it with the bridge's error", async () => {
    const data = { code: "TOO_MANY_SUBSCRIPTIONS", retryable: false };
    server.handler = ({ id }, reply) => reply({ id, error: { code: -32010, message: "Too many", data } });
    const subscription = client.subscribe({ channels: [">"] });
    await expect(subscription.ready).rejects.toMatchObject({ code: "TOO_MANY_SUBSCRIPTIONS" });
    await expect(subscription[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "TOO_MANY_SUBSCRIPTIONS" });
  });

  test("closing the client, before or after, ends it with CLOSED", async () => {
    const before = client.subscribe({ channels: [">"] });
    await before.ready;
    await client.close();
    await expect(before[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "CLOSED" });
    const after = client.subscribe({ channels: [">"] });
    await expect(after.ready).rejects.toMatchObject({ code: "CLOSED" });
  });
});
