import type { EventEnvelope } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { draft, openTestLog, type TestLog, TestSink } from "../../tests/support/event-log.ts";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { until } from "../../tests/support/until.ts";
import { silentLogger } from "../logging/index.ts";
import type { Sql } from "../store/index.ts";
import { bury } from "./consumer-store.ts";
import { Consumers } from "./consumers.ts";
import { EffectConsumer } from "./effect-consumer.ts";
import { subscribeLive } from "./live-subscription.ts";

const all = { channels: [">"] };
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const publish = async (t: TestLog, count: number, rest = {}) => {
  for (let i = 0; i < count; i++) await t.log.publish(draft("a", rest));
};
const consumersOf = ({ log, store }: TestLog) => new Consumers({ log, store, logger: silentLogger });
const ada = { owner: "user:0", name: "ada" };
const options = { ackDeadlineMs: 1_000, attemptsMax: 3, unackedMax: 5 };
/** Lets scheduled work run. */
const turn = async (turns = 6) => {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe("a live subscription", () => {
  test("replays after its cursor and goes on live, without a gap or a repeat", async () => {
    await using t = await openTestLog();
    await publish(t, 500);
    const sink = new TestSink();
    subscribeLive(t.log, all, sink, { cursor: 100 });
    await publish(t, 300);
    await until("all events", () => sink.pushed.length >= 700);
    expect(sink.seqs).toEqual(range(101, 800));
  });

  test("a slow reader gets missed events from the store, and no other reader waits", async () => {
    await using t = await openTestLog();
    const [slow, quick] = [new TestSink(), new TestSink()];
    subscribeLive(t.log, all, slow, {});
    subscribeLive(t.log, all, quick, {});
    await turn();
    slow.block();
    await publish(t, 300);
    expect(slow.pushed).toHaveLength(0);
    expect(quick.pushed).toHaveLength(300);
    slow.unblock();
    await until("the backlog", () => slow.pushed.length >= 300);
    expect(slow.seqs).toEqual(range(1, 300));
  });

  test("critical events overtake a slow reader's backlog, once, with the cursor to resume from; low ones are dropped and counted", async () => {
    await using t = await openTestLog();
    const sink = new TestSink();
    subscribeLive(t.log, all, sink, {});
    await turn();
    sink.block();
    await publish(t, 2);
    await publish(t, 3, { priority: "low" });
    await publish(t, 1, { priority: "critical" });
    expect(sink.pushed).toMatchObject([{ event: { seq: 6 }, delivery: { cursor: 0 } }]);
    sink.unblock();
    await until("the gap", () => sink.gaps.length > 0);
    expect(sink.seqs).toEqual([6, 1, 2]);
    expect(sink.gaps).toEqual([{ after: 0, resumedAt: 6, skippedLow: 3 }]);
  });

  test("with a window, pushes no more events than the window before an ack", async () => {
    await using t = await openTestLog();
    const sink = new TestSink();
    const subscription = subscribeLive(t.log, all, sink, { unackedMax: 10 });
    await publish(t, 25);
    await turn();
    expect(sink.seqs).toEqual(range(1, 10));
    await subscription.ack(5);
    await until("five more", () => sink.pushed.length === 15);
    await subscription.ack(15);
    await until("the rest", () => sink.pushed.length === 25);
    expect(sink.seqs).toEqual(range(1, 25));
  });

  test("is notified when events that it had not read were deleted", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ clock, retention: { retentionDays: 5_000 / 86_400_000 } });
    const sink = new TestSink();
    sink.block();
    subscribeLive(t.log, all, sink, { cursor: 0 });
    await publish(t, 10);
    clock.advance(30_000);
    await until("the old events to be deleted", () => t.log.forgotten === 10);
    await publish(t, 1);
    sink.unblock();
    await until("the rest", () => sink.pushed.length > 0);
    expect(sink.gaps).toEqual([{ after: 0, resumedAt: 10, skippedLow: 0 }]);
    expect(sink.seqs).toEqual([11]);
    expect(subscribeLive(t.log, all, new TestSink(), { cursor: 3 })).toMatchObject({ cursor: 10, cursorReset: true });
  });
});

describe("dead letters", () => {
  test("are bounded for each owner in number and bytes, and the subscription with the most loses its oldest", async () => {
    await using t = await openTestLog();
    const event = await t.log.publish({ ...draft("a"), data: { text: "x".repeat(60_000) } });
    const small = await t.log.publish(draft("a"));
    const failure = { attempts: 1, reason: "no", now: "2026-11-21T08:00:00.000Z" };
    const loud = { owner: "agent:loud-1", name: "noise" };
    const letters = (owner: string) => {
      const found = t.store.read((sql) => sql.all("SELECT name, bytes FROM event_dead_letters WHERE owner = ?", owner));
      return {
        names: found.map(({ name }) => String(name)),
        bytes: found.reduce((sum, { bytes }) => sum + Number(bytes), 0),
      };
    };
    await t.log.transact((sql, emit) => {
      bury(sql, emit, { owner: "user:0", name: "pager" }, small, failure);
      bury(sql, emit, { ...loud, name: "inbox" }, small, failure);
      for (let i = 0; i < 1_200; i++) bury(sql, emit, loud, small, failure);
    });
    expect(letters("agent:loud-1").names).toHaveLength(500);
    expect(letters("agent:loud-1").names).toContain("inbox");
    await t.log.transact((sql, emit) => {
      for (let i = 0; i < 600; i++) bury(sql, emit, loud, event, failure);
    });
    expect(letters("agent:loud-1").bytes).toBeLessThanOrEqual(32 * 1024 * 1024);
    await t.log.transact((sql, emit) => bury(sql, emit, loud, small, { ...failure, now: "2027-01-21T08:00:00.000Z" }));
    expect(letters("agent:loud-1").names).toHaveLength(1);
    expect(letters("user:0").names).toEqual(["pager"]);
  });
});

describe("a durable subscription", () => {
  test("keeps its position over readers and restarts: each resumes after the last ack", async () => {
    await using t = await openTestLog();
    const first = new TestSink();
    const a = await consumersOf(t).connect(ada, all, options, first, undefined);
    a.start();
    await publish(t, 20);
    await until("a full window", () => first.pushed.length === 5);
    await a.ack(3);
    await until("more", () => first.pushed.length === 8);
    await t.reopen();
    const second = new TestSink();
    second.onPush = ({ seq }) => void b.ack(seq);
    const b = await consumersOf(t).connect(ada, all, options, second, undefined);
    b.start();
    await until("the rest", () => second.pushed.length === 17);
    expect(first.seqs).toEqual(range(1, 8));
    expect(second.seqs).toEqual(range(4, 20));
  });

  test("redelivers an unacknowledged event, and at last makes it a dead letter and goes on", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ clock });
    const consumers = consumersOf(t);
    const sink = new TestSink();
    const subscription = await consumers.connect(
      ada,
      { channels: ["a"] },
      { ...options, unackedMax: 2 },
      sink,
      undefined,
    );
    subscription.start();
    await publish(t, 3);
    for (const attempt of [1, 2, 3]) {
      await until(`attempt ${attempt}`, () => sink.pushed.length === attempt * 2);
      expect(sink.pushed.slice(-2)).toMatchObject([
        { event: { seq: 1 }, delivery: { attempt } },
        { event: { seq: 2 }, delivery: { attempt: 1 } },
      ]);
      clock.advance(1_000);
    }
    await until("the next", () => sink.pushed.length === 8);
    expect(sink.seqs.slice(-2)).toEqual([2, 3]);
    expect(consumers.deadLetters(0, 10)).toMatchObject([{ ...ada, attempts: 3, event: { seq: 1 } }]);
    expect(t.log.history({ channels: ["event.dead_lettered"] }, 0, 10).events).toHaveLength(1);

    const other = new TestSink();
    subscribeLive(t.log, all, other, {});
    await subscription.ack(3);
    await consumers.redeliver(1);
    await until("the dead letter", () => sink.pushed.length === 9);
    expect(sink.pushed.at(-1)).toMatchObject({ event: { channel: "a", correlation_id: expect.stringMatching(/-1$/) } });
    expect(consumers.deadLetters(0, 10)).toEqual([]);
    expect(other.pushed).toEqual([]);
    await expect(consumers.redeliver(1)).rejects.toMatchObject({ code: "DEAD_LETTER_NOT_FOUND" });
    await expect(consumers.discard(1)).rejects.toMatchObject({ code: "DEAD_LETTER_NOT_FOUND" });
  });

  test("does not count an attempt while its reader is frozen", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ clock });
    const consumers = consumersOf(t);
    const sink = new TestSink();
    let isFrozen = true;
    const held = { ...options, isFrozen: () => isFrozen };
    const subscription = await consumers.connect(ada, { channels: ["a"] }, held, sink, undefined);
    subscription.start();
    await publish(t, 1);
    await until("the event", () => sink.pushed.length === 1);
    for (let n = 0; n < 10; n++) clock.advance(1_000);
    await turn();
    expect(sink.pushed).toHaveLength(1);
    isFrozen = false;
    clock.advance(1_000);
    await until("the second attempt", () => sink.pushed.length === 2);
    expect(consumers.deadLetters(0, 10)).toEqual([]);
  });

  test("an event at which every reader disconnects becomes a dead letter, too", async () => {
    await using t = await openTestLog();
    const consumers = consumersOf(t);
    await consumers.connect(ada, { channels: ["a"] }, options, new TestSink(), undefined).then((s) => s.close());
    await publish(t, 2);
    for (let attempt = 1; attempt <= 3; attempt++) {
      const sink = new TestSink();
      const subscription = await consumers.connect(ada, { channels: ["a"] }, options, sink, undefined);
      subscription.start();
      await until("its events", () => sink.pushed.length === 2);
      expect(sink.pushed[0]?.delivery.attempt).toBe(attempt);
      consumers.disconnect(ada, subscription);
      await turn();
    }
    expect(consumers.deadLetters(0, 10)).toHaveLength(1);
    expect(consumers.list()).toMatchObject([{ ...ada, cursor: 1, isConnected: false }]);
  });

  test("has one reader, the newest, and notifies the replaced one", async () => {
    await using t = await openTestLog();
    const consumers = consumersOf(t);
    const [first, second] = [new TestSink(), new TestSink()];
    (await consumers.connect(ada, all, options, first, undefined)).start();
    (await consumers.connect(ada, all, options, second, undefined)).start();
    await publish(t, 1);
    await turn();
    expect(first.pushed).toHaveLength(0);
    expect(first.ends).toEqual(["Another connection has taken it over"]);
    expect(second.seqs).toEqual([1]);
    await consumers.forget(ada);
    expect(consumers.list()).toEqual([]);
    await expect(consumers.forget(ada)).rejects.toMatchObject({ code: "SUBSCRIPTION_NOT_FOUND" });
  });

  test("refuses an ack for an event that was never pushed", async () => {
    await using t = await openTestLog();
    const subscription = await consumersOf(t).connect(ada, all, options, new TestSink(), undefined);
    subscription.start();
    await expect(subscription.ack(7)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  });

  test("does not push earlier events, nor acknowledge events of others", async () => {
    await using t = await openTestLog();
    await publish(t, 3);
    const sink = new TestSink();
    const subscription = await consumersOf(t).connect(ada, { channels: ["b"] }, options, sink, undefined);
    subscription.start();
    await publish(t, 3);
    await t.log.publish(draft("b"));
    await until("its event", () => sink.pushed.length > 0);
    expect(sink.seqs).toEqual([7]);
  });
});

describe("an effect consumer", () => {
  const table = {
    domain: "test",
    version: 1,
    sql: "CREATE TABLE effects (id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL) STRICT",
  };
  const effectsOf = (t: TestLog) =>
    t.store.read((sql) => sql.all("SELECT seq FROM effects ORDER BY id").map((row) => Number(row["seq"])));
  const record = ({ seq }: EventEnvelope, sql: Sql) => void sql.run("INSERT INTO effects (seq) VALUES (?)", seq);
  const consumerOf = (t: TestLog, handle: (event: EventEnvelope, sql: Sql) => void) =>
    new EffectConsumer(
      { log: t.log, store: t.store, logger: silentLogger },
      { name: "effects", selector: { channels: ["a"] }, handle },
    );

  test("runs each event's effect once, over failures and restarts", async () => {
    await using t = await openTestLog({ migrations: [table] });
    let calls = 0;
    const flaky = (event: EventEnvelope, sql: Sql) => {
      record(event, sql);
      calls += 1;
      if (calls % 7 === 0) throw new Error("now and then");
    };
    for (let round = 0; round < 3; round++) {
      const consumer = consumerOf(t, flaky);
      await consumer.start();
      await publish(t, 20);
      if (round === 2) await until("all effects", () => effectsOf(t).length === 60);
      await consumer.stop();
      await t.reopen();
    }
    expect(effectsOf(t)).toEqual(range(1, 60));
  });

  test("makes an event that always fails a dead letter, and runs the effect of all others", async () => {
    await using t = await openTestLog({ migrations: [table] });
    const consumer = consumerOf(t, (event, sql) => {
      if (event.seq === 3) throw new Error("never");
      record(event, sql);
    });
    await consumer.start();
    await publish(t, 5);
    await until("the others' effects", () => effectsOf(t).length === 4);
    expect(effectsOf(t)).toEqual([1, 2, 4, 5]);
    expect(consumersOf(t).deadLetters(0, 10)).toMatchObject([
      { owner: "bridge", name: "effects", reason: "never", event: { seq: 3 } },
    ]);
    await consumer.stop();
  });
});
