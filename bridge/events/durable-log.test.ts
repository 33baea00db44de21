import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { draft, openTestLog, TestSink } from "../../tests/support/event-log.ts";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { until } from "../../tests/support/until.ts";
import { silentLogger } from "../logging/index.ts";
import { systemClock } from "../platform/clock.ts";
import { Store } from "../store/index.ts";
import { Consumers } from "./consumers.ts";
import { subscribeLive } from "./live-subscription.ts";
import { eventsMigrations } from "./migrations.ts";
import { Retention } from "./retention.ts";

/** Waits until the commits in flight have ended. */
const turns = () => pause(50);
const all = { channels: [">"] };
const seqsOf = (events: readonly { seq: number }[]) => events.map(({ seq }) => seq);

describe("DurableEventLog.publish()", () => {
  test("numbers events over restarts, without a hole after an orderly stop", async () => {
    await using t = await openTestLog();
    await t.log.publish(draft("a"));
    await t.log.publish(draft("b", { isVolatile: true }));
    await t.reopen();
    const third = await t.log.publish(draft("c"));
    expect(third.seq).toBe(3);
    expect(t.log.history(all, 0, 10).events.map(({ channel }) => channel)).toEqual(["a", "b", "c"]);
  });

  test("never reuses a number after a crash, even when a volatile event was not stored", async () => {
    await using t = await openTestLog();
    await t.log.publish(draft("a"));
    const seen = await t.log.publish(draft("b", { isVolatile: true }));
    // This is the state that a crash now would leave.
    const copy = `${t.path}.copy`;
    await t.store.copyTo(copy);
    using store = new Store(copy, eventsMigrations, "2026-11-21T08:00:00.000Z");
    const reserved = Number(store.read((sql) => sql.get("SELECT reserved FROM event_state"))?.["reserved"]);
    expect(reserved).toBeGreaterThanOrEqual(seen.seq);
  });

  test("stores volatile events within a second, or before the next durable event, in order", async () => {
    await using t = await openTestLog();
    const stored = () => t.store.read((sql) => sql.all("SELECT seq FROM events ORDER BY seq")).map(({ seq }) => seq);
    await t.log.publish(draft("alone", { isVolatile: true }));
    expect(stored()).toEqual([]);
    expect(t.log.history(all, 0, 10).events.map(({ channel }) => channel)).toEqual(["alone"]);
    await until("the event is stored", () => stored().length === 1);
    await t.log.publish(draft("before", { isVolatile: true }));
    const durable = t.log.publish(draft("durable"));
    await t.log.publish(draft("meanwhile", { isVolatile: true }));
    await durable;
    expect(stored()).toEqual([1, 2, 3, 4]);
    const channels = t.log.history(all, 0, 10).events.map(({ channel }) => channel);
    expect(channels).toEqual(["alone", "before", "meanwhile", "durable"]);
  });

  test("delivers a durable event after its commit, a volatile one at once, both in the order of seq", async () => {
    await using t = await openTestLog();
    const sink = new TestSink();
    subscribeLive(t.log, all, sink, {});
    await until("the subscription", () => t.log.publish(draft("first")).then(() => sink.pushed.length > 0));
    const before = sink.pushed.length;
    const durable = t.log.publish(draft("durable"));
    const volatile = t.log.publish(draft("volatile", { isVolatile: true }));
    expect(sink.channels.slice(before)).toEqual(["volatile"]);
    expect((await durable).seq).toBe((await volatile).seq + 1);
    expect(sink.channels.slice(before)).toEqual(["volatile", "durable"]);
  });

  test("refuses data over the limit and delivers none of it", async () => {
    await using t = await openTestLog();
    await expect(t.log.publish(draft("a", { data: { text: "x".repeat(300_000) } }))).rejects.toThrow(
      /262144 is the limit/,
    );
    expect(t.log.history(all, 0, 10).events).toEqual([]);
  });
});

describe("DurableEventLog.follow()", () => {
  test("costs a publisher nothing for those whose selector excludes the event", async () => {
    await using t = await openTestLog();
    const offers: number[] = [];
    for (let n = 0; n < 500; n++)
      t.log.follow({ offer: () => void offers.push(n) }, { channels: [n % 2 === 0 ? `agent.a${n}.>` : `task.${n}`] });
    await t.log.publish(draft("agent.a0.made"));
    await t.log.publish(draft("room.a0"));
    expect(offers).toEqual([0]);
  });

  test("delivers to thousands in turns, in order, and nothing is missed by who was served last", async () => {
    await using t = await openTestLog();
    const sinks = Array.from({ length: 2_500 }, () => new TestSink());
    for (const sink of sinks) subscribeLive(t.log, all, sink, {});
    await turns();
    const published = Array.from({ length: 5 }, (_, n) => t.log.publish(draft("a", { isVolatile: n % 2 === 0 })));
    const seqs = seqsOf(await Promise.all(published)).sort((a, b) => a - b);
    expect(sinks.at(-1)?.seqs).not.toEqual(seqs);
    await until("all are delivered", () => t.log.delivered === t.log.lastSeq);
    for (const sink of sinks) expect(sink.seqs).toEqual(seqs);
  });

  test("moves the position of a reader past what is for others", async () => {
    await using t = await openTestLog();
    const consumers = new Consumers({ log: t.log, store: t.store, logger: silentLogger });
    const key = { owner: "user:0", name: "rare" };
    const choices = { ackDeadlineMs: 60_000, attemptsMax: 3, unackedMax: 100 };
    const subscription = await consumers.connect(key, { channels: ["rare"] }, choices, new TestSink(), undefined);
    subscription.start();
    await turns();
    const { seq } = await t.log.publish(draft("other"));
    consumers.disconnect(key, subscription);
    await until("its position is stored", () => consumers.list().some(({ cursor }) => cursor === seq));
  });
});

describe("DurableEventLog.transact()", () => {
  test("stores an event if and only if its cause is stored", async () => {
    await using t = await openTestLog();
    const failed = t.log.transact((_, emit) => {
      emit(draft("lost"));
      throw new Error("no");
    });
    const kept = t.log.transact((_, emit) => emit(draft("kept")));
    await expect(failed).rejects.toThrow("no");
    await kept;
    expect(t.log.history(all, 0, 10).events.map(({ channel }) => channel)).toEqual(["kept"]);
  });
});

describe("DurableEventLog.history()", () => {
  test("pages, filters by type, priority, source and data, and reports whether there is more", async () => {
    await using t = await openTestLog();
    for (let i = 0; i < 25; i++)
      await t.log.publish(draft(i % 2 === 0 ? "even" : "odd", { data: { i, deep: { third: i % 3 === 0 } } }));
    const seqs: number[] = [];
    for (let cursor = 0, hasMore = true; hasMore; ) {
      const page = t.log.history({ channels: ["odd"] }, cursor, 5);
      seqs.push(...seqsOf(page.events));
      ({ cursor, hasMore } = page);
    }
    expect(seqs).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24]);
    expect(seqsOf(t.log.history({ ...all, data: { i: 3 } }, 0, 10).events)).toEqual([4]);
    expect(t.log.history({ ...all, data: { "deep.third": true } }, 0, 100).events).toHaveLength(9);
    expect(t.log.history({ ...all, data: { "deep.none": true } }, 0, 100).events).toHaveLength(0);
    expect(t.log.history({ ...all, source: "user:1" }, 0, 100).events).toHaveLength(0);
    expect(t.log.history({ ...all, minPriority: "high" }, 0, 100).events).toHaveLength(0);
  });

  test("finds a rare channel and a rare type behind thousands of others, without a look at each of those", async () => {
    await using t = await openTestLog();
    await t.log.publish(draft("ops.pager", { type: "ops.paged", priority: "critical" }));
    await t.log.publish(draft("ops.pager"));
    await t.log.transact((_, emit) => {
      for (let n = 0; n < 30_000; n++) emit(draft(`noise.n${n % 50}`, { data: { n } }));
    });
    await t.log.publish(draft("last", { isVolatile: true }));
    const rare = [{ channels: ["ops.>"] }, { channels: ["ops.pager"] }, { ...all, types: ["ops.paged"] }];
    for (const selector of rare) {
      const before = await t.log.newest(selector, 10);
      expect([before.events[0]?.seq, before.hasMore, before.cursor]).toEqual([1, false, 30_003]);
      const after = await t.log.search(selector, 0, 10);
      expect([after.events[0]?.seq, after.hasMore, after.cursor]).toEqual([1, false, 30_003]);
    }
    expect(seqsOf((await t.log.search({ channels: ["noise.n7"] }, 20_000, 3)).events)).toEqual([
      20_010, 20_060, 20_110,
    ]);
    const { events, before } = await t.log.newest({ channels: ["noise.n7", "ops.*"] }, 601);
    const older = await t.log.newest({ channels: ["noise.n7", "ops.*"] }, 10, before);
    expect([events.length, before, seqsOf(older.events), older.hasMore]).toEqual([601, 2, [1], false]);
  });

  test("searches what no index holds in parts, and says where to go on", async () => {
    await using t = await openTestLog();
    await t.log.publish(draft("a", { source: "user:7" }));
    await t.log.transact((_, emit) => {
      for (let n = 0; n < 30_000; n++) emit(draft("noise"));
    });
    const first = await t.log.newest({ ...all, source: "user:7" }, 10);
    expect([first.events.length, first.hasMore]).toEqual([0, true]);
    const second = await t.log.newest({ ...all, source: "user:7" }, 10, first.before);
    expect([seqsOf(second.events), second.hasMore]).toEqual([[1], false]);
    const forward = await t.log.search({ ...all, source: "nobody:1" }, 0, 10);
    expect([forward.events.length, forward.hasMore, forward.cursor < 30_001]).toEqual([0, true, true]);
  });

  test("omits events whose ttl has passed", async () => {
    let now = 1_000;
    await using t = await openTestLog({ clock: { ...systemClock, now: () => now } });
    await t.log.publish(draft("a", { ttlMs: 50 }));
    expect(t.log.history(all, 0, 10).events).toHaveLength(1);
    now += 51;
    expect(t.log.history(all, 0, 10).events).toHaveLength(0);
  });

  test("reports a cursor of another log", async () => {
    await using t = await openTestLog();
    await t.log.publish(draft("a"));
    const page = t.log.history(all, 99, 10);
    expect(page.cursorReset).toBe(true);
    expect(seqsOf(page.events)).toEqual([1]);
  });
});

describe("Retention", () => {
  test("deletes by age, and by size from the oldest; an earlier cursor is reset, a later one is not", async () => {
    let now = 1_000_000;
    const clock = { ...systemClock, now: () => now };
    await using t = await openTestLog({ clock });
    for (let i = 0; i < 10; i++) await t.log.publish(draft("old"));
    now += 10_000;
    for (let i = 0; i < 10; i++) await t.log.publish(draft("new", { data: { text: "x".repeat(1_000) } }));
    await t.log.publish(draft("beat", { isVolatile: true }));
    await t.log.drain();
    const settings = {
      retentionDays: 5_000 / 86_400_000,
      retentionBytes: 5_500,
      volatileRetentionMinutes: 1 / 60_000,
      volatileBytes: 1,
    };
    const retention = new Retention({ store: t.store, clock, logger: silentLogger }, settings);
    retention.start();
    await retention.prune();
    retention.stop();
    await t.reopen();
    const page = t.log.history(all, 0, 100);
    expect(page.cursorReset).toBe(true);
    expect(page.events.map(({ channel }) => channel)).toEqual(["new", "new", "new", "new"]);
    expect(t.log.history(all, 16, 100).cursorReset).toBe(false);
    expect(t.log.history(all, 15, 100).cursorReset).toBe(true);
    expect((await t.log.publish(draft("next"))).seq).toBe(22);
  });

  test("deletes from the publisher with the most bytes: a flood costs nobody else an event, and no named subscription loses one", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ clock, retention: { retentionBytes: 64_000 } });
    const consumers = new Consumers({ log: t.log, store: t.store, logger: silentLogger });
    const pager = { owner: "user:0", name: "pager" };
    const choices = { ackDeadlineMs: 60_000, attemptsMax: 3, unackedMax: 100 };
    const first = await consumers.connect(pager, { channels: ["note"] }, choices, new TestSink(), undefined);
    consumers.disconnect(pager, first);
    await t.log.publish(draft("note"));
    const loud = { source: "agent:loud-1", data: { text: "x".repeat(2_000) } };
    await t.log.publish(draft("note", { source: "agent:loud-1" }));
    for (let i = 0; i < 100; i++) await t.log.publish(draft("noise", loud));
    await t.log.publish(draft("late"));
    clock.advance(30_000);
    await until("the flood is cut", () => t.log.forgotten > 0);
    await turns();
    const kept = t.log.history(all, 0, 1_000).events;
    expect(kept.filter(({ source }) => source === "user:0").map(({ channel }) => channel)).toEqual(["note", "late"]);
    expect(kept.length).toBeLessThan(35);
    const sink = new TestSink();
    const again = await consumers.connect(pager, { channels: ["note"] }, choices, sink, undefined);
    again.start();
    await until("both gap notices", () => sink.pushed.length === 2);
    expect(again.cursorReset).toBe(false);
    expect(sink.gaps).toEqual([]);
    consumers.disconnect(pager, again);
  });

  test("reports to a named subscription what it lost of a publisher that exceeded its share", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ clock, retention: { retentionBytes: 64_000 } });
    const consumers = new Consumers({ log: t.log, store: t.store, logger: silentLogger });
    const key = { owner: "user:0", name: "all" };
    const choices = { ackDeadlineMs: 60_000, attemptsMax: 3, unackedMax: 100 };
    consumers.disconnect(key, await consumers.connect(key, all, choices, new TestSink(), undefined));
    for (let i = 0; i < 100; i++) await t.log.publish(draft("noise", { data: { text: "x".repeat(2_000) } }));
    clock.advance(30_000);
    await until("the flood is cut", () => t.log.forgotten > 0);
    await turns();
    const again = await consumers.connect(key, all, choices, new TestSink(), undefined);
    expect(again.cursorReset).toBe(true);
    expect(t.log.history(all, 0, 1_000).events.length).toBeLessThan(32);
    consumers.disconnect(key, again);
  });
});

test("a commit that is repeated on the ballast delivers each event once and as it is stored", async () => {
  await using t = await openTestLog({ ballastBytes: 4_096 });
  const sink = new TestSink();
  subscribeLive(t.log, all, sink, {});
  await t.log.publish(draft("volatile", { isVolatile: true }));
  let runs = 0;
  const event = await t.log.transact((_, emit) => {
    runs += 1;
    const emitted = emit(draft("durable"));
    const sqliteFull = 13;
    if (runs === 1) throw Object.assign(new Error("database or disk is full"), { errcode: sqliteFull });
    return emitted;
  });
  expect({ runs, shortage: t.store.shortage }).toEqual({ runs: 2, shortage: "spent" });
  await turns();
  const stored = t.log.history(all, 0, 10).events;
  expect(stored.map(({ channel }) => channel)).toEqual(["volatile", "durable"]);
  expect(stored.at(-1)?.seq).toBe(event.seq);
  expect(sink.seqs).toEqual(seqsOf(stored));
  const rows = t.store.read((sql) => sql.all("SELECT seq FROM events ORDER BY seq"));
  expect(rows.map(({ seq }) => seq)).toEqual(seqsOf(stored));
});
