import { describe, expect, test } from "@jest/globals";
import { openTestLog, type TestLog } from "../../tests/support/event-log.ts";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { until } from "../../tests/support/until.ts";
import { silentLogger } from "../logging/index.ts";
import { DeliveryError, type Destination, Outbox, outboxMigrations, type QueuedMessage } from "./index.ts";

type Send = (message: QueuedMessage, transactionId: string) => Promise<string | undefined>;

/** Records deliveries, once per transaction id, like a homeserver. */
class Room implements Destination {
  readonly name = "room";
  readonly delivered = new Map<string, unknown>();
  readonly lanes = new Map<string, unknown[]>();
  attempts = 0;
  before: Send = async () => undefined;
  after: Send = async () => undefined;

  async send(message: QueuedMessage, transactionId: string): Promise<string | undefined> {
    this.attempts += 1;
    await this.before(message, transactionId);
    if (!this.delivered.has(transactionId)) {
      this.delivered.set(transactionId, message.body["n"]);
      this.lanes.set(message.lane, [...(this.lanes.get(message.lane) ?? []), message.body["n"]]);
    }
    await this.after(message, transactionId);
    return `$${transactionId}`;
  }
}

const outboxOf = ({ log, store }: TestLog, destinations: readonly Destination[]) =>
  new Outbox({ log, store, logger: silentLogger, random: Math.random }, destinations);

const message = (n: number, lane = "a") => ({ destination: "room", lane, dedupeKey: `k${n}`, body: { n } });
const queue = async (t: TestLog, outbox: Outbox, n: number, lane?: string) => {
  const id = await t.store.write((sql) => outbox.queue(sql, message(n, lane)));
  outbox.kick();
  return id;
};
const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const typesOf = (t: TestLog) => t.log.history({ channels: ["queue.>"] }, 0, 1000).events.map(({ type }) => type);

describe("Outbox", () => {
  test("sends a committed message once per key, and reports the delivery", async () => {
    await using t = await openTestLog({ migrations: outboxMigrations });
    const room = new Room();
    const outbox = outboxOf(t, [room]);
    await outbox.start();
    const undone = t.store.write((sql) => {
      outbox.queue(sql, message(1));
      throw new Error("the cause failed");
    });
    await expect(undone).rejects.toThrow();
    expect(await queue(t, outbox, 2)).toBeDefined();
    expect(await queue(t, outbox, 2)).toBeUndefined();
    await until("the delivery", () => typesOf(t).length === 1);
    expect([...room.delivered.values()]).toEqual([2]);
    expect(outbox.list("sent", 0, 10)).toMatchObject([{ attempts: 1, receipt: expect.stringMatching(/^\$/) }]);
    await outbox.stop();
  });

  test("loses nothing, delivers nothing twice and keeps each lane's order, over restarts and failures before and after the delivery", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ migrations: outboxMigrations, clock });
    const room = new Room();
    let seed = 7;
    const fails = (share: number) => {
      seed = (seed * 16807) % 2147483647;
      return seed / 2147483647 < share;
    };
    room.before = async () => {
      if (fails(0.2)) throw new DeliveryError("transient", "502");
      if (fails(0.1)) throw new DeliveryError("held", "429", { retryAfterMs: 2_000 });
    };
    room.after = async () => {
      if (fails(0.2)) throw new Error("the answer was lost");
    };
    const lanes = ["a", "b", "c"];
    let sent = 0;
    for (let round = 0; round < 10; round++) {
      const outbox = outboxOf(t, [room]);
      await outbox.start();
      for (const _ of range(12)) await queue(t, outbox, sent, lanes[sent++ % 3]);
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(1_000);
      await outbox.stop();
      await t.reopen();
    }
    const outbox = outboxOf(t, [room]);
    await outbox.start();
    await until("everything", () => {
      clock.advance(10_000);
      return outbox.list("sent", 0, 200).length === sent;
    });
    expect(room.delivered.size).toBe(sent);
    expect(room.attempts).toBeGreaterThan(sent);
    for (const [index, lane] of lanes.entries())
      expect(room.lanes.get(lane)).toEqual(range(sent).filter((n) => n % 3 === index));
    await outbox.stop();
  });

  test("waits for the requested time, with all lanes, and no longer", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ migrations: outboxMigrations, clock });
    const room = new Room();
    let isLimited = true;
    room.before = async () => {
      if (isLimited) throw new DeliveryError("held", "M_LIMIT_EXCEEDED", { retryAfterMs: 30_000 });
    };
    const outbox = outboxOf(t, [room]);
    await outbox.start();
    await queue(t, outbox, 1, "a");
    await until("the refusal", () => outbox.list("queued", 0, 10)[0]?.attempts === 1);
    isLimited = false;
    await queue(t, outbox, 2, "b");
    clock.advance(29_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(room.attempts).toBe(1);
    clock.advance(1_000);
    await until("both", () => room.delivered.size === 2);
    await outbox.stop();
  });

  test("gives up a message that is refused for good or for three days, reports it, and goes on with the lane", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ migrations: outboxMigrations, clock });
    const room = new Room();
    room.before = async ({ body }) => {
      if (body["n"] === 1) throw new DeliveryError("permanent", "M_FORBIDDEN");
      if (body["n"] === 2) throw new DeliveryError("transient", "502");
    };
    const outbox = outboxOf(t, [room]);
    await outbox.start();
    for (const n of [1, 2, 3]) await queue(t, outbox, n);
    await until("the refusal", () => typesOf(t).includes("queue.dead"));
    expect(room.delivered.size).toBe(0);
    await until("the report of the delay", () => {
      clock.advance(60_000);
      return typesOf(t).includes("queue.late");
    });
    clock.advance(3 * 86_400_000);
    await until("the third", () => room.delivered.size === 1);
    expect(outbox.list("dead", 0, 10)).toMatchObject([{ lastError: "M_FORBIDDEN" }, { lastError: "502" }]);
    expect(typesOf(t).filter((type) => type === "queue.late")).toHaveLength(1);

    room.before = async () => undefined;
    await outbox.retry(1);
    await until("the first message", () => room.delivered.size === 2);
    await outbox.drop(2);
    await expect(outbox.drop(2)).rejects.toMatchObject({ code: "QUEUE_MESSAGE_NOT_FOUND" });
    await expect(outbox.retry(3)).rejects.toMatchObject({ code: "QUEUE_MESSAGE_NOT_FOUND" });
    await outbox.stop();
  });

  test("retries at once when the destination is back", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ migrations: outboxMigrations, clock });
    const room = new Room();
    let isUp = false;
    room.before = async () => {
      if (!isUp) throw new Error("no network");
    };
    const outbox = outboxOf(t, [room]);
    await outbox.start();
    await queue(t, outbox, 1);
    await until("the failure", () => room.attempts === 1);
    isUp = true;
    outbox.reachable("room");
    await until("the delivery", () => room.delivered.size === 1);
    await outbox.stop();
  });
});

test("a deferred message waits for the given time, keeps its place and counts no attempt", async () => {
  const clock = new ManualClock();
  await using t = await openTestLog({ migrations: outboxMigrations, clock });
  const room = new Room();
  let isLeftAlone = true;
  room.before = async () => {
    if (isLeftAlone) throw new DeliveryError("deferred", "left alone", { retryAfterMs: 30_000 });
  };
  const outbox = outboxOf(t, [room]);
  await outbox.start();
  for (const n of [1, 2]) await queue(t, outbox, n);
  await until("the deferral", () => outbox.list("queued", 0, 10)[0]?.lastError === "left alone");
  isLeftAlone = false;
  clock.advance(29_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(room.attempts).toBe(1);
  clock.advance(1_000);
  await until("both", () => outbox.list("sent", 0, 10).length === 2);
  expect(room.lanes.get("a")).toEqual([1, 2]);
  expect(outbox.list("sent", 0, 10)).toMatchObject([{ attempts: 1 }, { attempts: 1 }]);
  await outbox.stop();
});

test("what one principal queues is bounded, and leaves room for other principals and for the bridge", async () => {
  await using t = await openTestLog({ migrations: outboxMigrations });
  const outbox = outboxOf(t, []);
  const put = (share: string | undefined, n: number, text = "") =>
    t.store
      .write((sql) => outbox.queue(sql, { ...message(n), dedupeKey: `${share} ${n}`, body: { text }, share }))
      .then(
        () => "queued",
        (error) => String(error.code),
      );
  const outcomes = async (share: string | undefined, count: number, text?: string) => {
    const all = await Promise.all(range(count).map((n) => put(share, n, text)));
    return { queued: all.filter((one) => one === "queued").length, codes: [...new Set(all)].sort() };
  };
  expect(await outcomes("agent:loud-1", 1_100)).toEqual({ queued: 1_000, codes: ["OUTBOX_FULL", "queued"] });
  expect(await outcomes("agent:large-1", 30, "x".repeat(1_000_000))).toMatchObject({ queued: 17 });
  expect(await outcomes("user:0", 10)).toMatchObject({ queued: 10 });
  for (const n of range(9)) await outcomes(`agent:many-${n}`, 1_000);
  expect(await outcomes("agent:late-1", 10)).toMatchObject({ queued: 0 });
  expect(await outcomes(undefined, 1_000)).toMatchObject({ queued: 1_000 });
});

test("dead messages of a principal are kept up to a number, and everybody's for a time", async () => {
  const clock = new ManualClock();
  await using t = await openTestLog({ clock, migrations: outboxMigrations });
  const outbox = outboxOf(t, []);
  await outbox.start();
  const dead = () => Number(t.store.read((sql) => sql.get("SELECT count(*) AS n FROM outbox"))?.["n"]);
  const bury = (share: string | null, count: number) =>
    t.store.write((sql) => {
      for (const n of range(count))
        sql.run(
          `INSERT INTO outbox (destination, lane, dedupe_key, transaction_id, body, state, next_at_ms, created_at_ms, settled_at_ms, share)
           VALUES ('room', 'a', ?, ?, '{}', 'dead', 0, 0, ?, ?)`,
          `${share} ${n}`,
          `${share} ${n}`,
          clock.now(),
          share,
        );
    });
  await bury("agent:loud-1", 1_500);
  await bury(null, 10);
  await t.store.write((sql) => outbox.queue(sql, { ...message(1), share: "agent:loud-1" }));
  expect(dead()).toBe(1_000 + 10 + 1);
  clock.advance(31 * 86_400_000);
  await t.store.write(() => undefined);
  await outbox.stop();
  expect(dead()).toBeLessThanOrEqual(1);
});
