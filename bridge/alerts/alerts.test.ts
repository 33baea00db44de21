import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { draft, openTestLog } from "../../tests/support/event-log.ts";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { until } from "../../tests/support/until.ts";
import { contractEvent, type PublishEvent } from "../events/index.ts";
import { silentLogger } from "../logging/index.ts";
import { systemClock } from "../platform/clock.ts";
import type { Sql } from "../store/index.ts";
import type { LaneState } from "./alert-delivery.ts";
import { type AlertSettings, Alerts, alertsMigrations, DiskWatch, Pulse } from "./index.ts";
import { fill } from "./rules.ts";

const room = { destination: "matrix", lane: "!room", minSeverity: "warning" as const };
const minute = 60_000;

/** An outbox that records messages in the store, so that they are rolled back with their cause. */
const outboxTable = {
  domain: "test",
  version: 1,
  sql: "CREATE TABLE told (dedupe_key TEXT PRIMARY KEY, lane TEXT NOT NULL, text TEXT NOT NULL) STRICT",
};

async function setUp(settings: Partial<AlertSettings> = {}) {
  const clock = new ManualClock();
  const t = await openTestLog({ clock, migrations: [...alertsMigrations, outboxTable] });
  const unreachable = new Map<string, LaneState>();
  const queue = {
    queue: (sql: Sql, { lane, dedupeKey, body }: { lane: string; dedupeKey: string; body: object }) =>
      sql.run("INSERT OR IGNORE INTO told VALUES (?, ?, ?)", dedupeKey, lane, String((body as { text: string }).text)),
    laneState: (_: Sql, __: string, lane: string) => unreachable.get(lane) ?? "open",
    waiting: (sql: Sql, destination: string, lane: string) =>
      sql.all("SELECT * FROM told WHERE lane = ? ORDER BY rowid", lane).map((row) => ({
        destination,
        lane,
        dedupeKey: String(row["dedupe_key"]),
        body: { text: String(row["text"]) },
      })),
    kick: () => undefined,
  };
  const make = () =>
    new Alerts(
      { log: t.log, store: t.store, queue, logger: silentLogger },
      { rules: [], off: [], to: [room], otherwise: [], digestMs: minute, repeatMs: 60 * minute, ...settings },
    );
  let alerts = make();
  await alerts.start();
  const told = () =>
    t.store.read((sql) => sql.all("SELECT text FROM told ORDER BY rowid").map((row) => String(row["text"])));
  const settle = async () => {
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const toldAt = (lane: string) =>
    t.store.read((sql) =>
      sql.all("SELECT text FROM told WHERE lane = ? ORDER BY rowid", lane).map((row) => String(row["text"])),
    );
  return {
    clock,
    told,
    toldAt,
    unreachable,
    async publishFrom(source: string, type: string, data: Record<string, unknown>) {
      await t.log.publish(draft("x.y", { type, source, data }));
      await settle();
    },
    async publish(...args: Parameters<PublishEvent>) {
      await t.log.publish(contractEvent(...args));
      await settle();
    },
    async pass(ms: number) {
      clock.advance(ms);
      await settle();
    },
    async restart() {
      await alerts.stop();
      await t.reopen();
      alerts = make();
      await alerts.start();
    },
    async [Symbol.asyncDispose]() {
      await alerts.stop();
      await t[Symbol.asyncDispose]();
    },
  };
}

const failed = (agentId: string) => ({
  agent_id: agentId,
  agent_type: "heartbeat",
  epoch: 1,
  cause: "crash-loop" as const,
  message: "too often",
  exit: null,
});
const late = { message_id: 1, destination: "matrix", lane: "!a", attempts: 3, reason: "502" };
const started = {
  agent_id: "a-1",
  agent_type: "heartbeat",
  epoch: 2,
  container_id: "a-1.2",
  pid: 1,
  isolation: "sandbox" as const,
};

describe("Alerts", () => {
  test("sends critical alerts at once and once, their recoveries, and nothing twice over a restart", async () => {
    await using s = await setUp();
    await s.publish("agent.failed", "bridge", failed("a-1"));
    await s.publish("agent.failed", "bridge", failed("a-1"));
    await s.publish("agent.failed", "bridge", failed("b-1"));
    await s.restart();
    await s.publish("agent.started", "agent:a-1", started);
    await s.publish("agent.started", "agent:a-1", started);
    expect(s.told()).toEqual([
      "a-1 failed and is not started again: too often",
      "b-1 failed and is not started again: too often",
      "Resolved: a-1 failed and is not started again: too often",
    ]);
  });

  test("groups alerts that can wait, and drops those that are over before they were sent", async () => {
    await using s = await setUp();
    await s.publish("queue.late", "bridge", late);
    await s.publish("queue.late", "bridge", { ...late, lane: "!b" });
    await s.publish("llm.provider_unavailable", "bridge", { provider: "p", reason: "503", retry_at: "x" } as never);
    await s.publish("llm.provider_recovered", "bridge", { provider: "p" } as never);
    expect(s.told()).toEqual([]);
    await s.pass(1_000);
    await s.publish("queue.late", "bridge", { ...late, lane: "!c" });
    await s.pass(minute - 2_000);
    expect(s.told()).toHaveLength(1);
    await s.pass(2_000);
    expect(s.told()).toEqual([
      "2 alerts:\n- Messages to matrix !a are delayed: 502\n- Messages to matrix !b are delayed: 502",
      "Messages to matrix !c are delayed: 502",
    ]);
  });

  test("repeats an alert that stays open after a while, with its number of occurrences", async () => {
    await using s = await setUp();
    for (let i = 0; i < 4; i++) await s.publish("agent.failed", "bridge", failed("a-1"));
    await s.pass(59 * minute);
    expect(s.told()).toHaveLength(1);
    await s.pass(2 * minute);
    await s.pass(61 * minute);
    await s.publish("agent.started", "agent:a-1", started);
    await s.pass(61 * minute);
    expect(s.told()).toEqual([
      "a-1 failed and is not started again: too often",
      expect.stringMatching(/^Still open: a-1 failed .* \(3 more times, since 2026-.*Z\)$/),
      expect.stringMatching(/^Still open: a-1 failed .* \(since 2026-.*Z\)$/),
      "Resolved: a-1 failed and is not started again: too often",
    ]);
  });

  test("repeats an alert without a recovery while its event recurs: soon, then less and less often", async () => {
    await using s = await setUp();
    await s.publish("queue.dead", "bridge", late);
    await s.publish("queue.dead", "bridge", { ...late, reason: "503" });
    await s.pass(minute);
    expect(s.told()).toEqual([
      "A message to matrix !a could not be delivered: 502",
      expect.stringMatching(/^A message to matrix !a could not be delivered: 503 \(1 more time, first at 2026-.*Z\)$/),
    ]);
    for (let i = 0; i < 60; i++) {
      await s.publish("queue.dead", "bridge", late);
      await s.pass(minute);
    }
    expect(s.told().length).toBeGreaterThan(4);
    expect(s.told().length).toBeLessThan(10);
    await s.pass(61 * minute);
    const sent = s.told().length;
    await s.pass(61 * minute);
    expect(s.told()).toHaveLength(sent);
  });

  test("sends only critical alerts at night", async () => {
    await using s = await setUp({ quietHours: { from: "07:30", to: "08:30", timeZone: "UTC" } });
    await s.publish("queue.late", "bridge", late);
    await s.publish("agent.failed", "bridge", failed("a-1"));
    await s.pass(25 * minute);
    expect(s.told()).toHaveLength(1);
    await s.pass(6 * minute);
    expect(s.told()).toHaveLength(2);
  });

  test("sends each route the alerts of its severity", async () => {
    await using s = await setUp({ to: [room, { ...room, lane: "!pager", minSeverity: "critical" }], digestMs: 0 });
    await s.publish("queue.late", "bridge", late);
    await s.pass(2_000);
    await s.publish("queue.dead", "bridge", late);
    expect(s.told()).toHaveLength(3);
  });
});

test("fill() shortens text from elsewhere and removes its control characters", async () => {
  await using t = await openTestLog();
  const data = { text: `a\u001b[2J\nb\u202ec${"x".repeat(1000)}`, deep: { n: 1 } };
  const event = await t.log.publish(draft("a", { data }));
  expect(fill("{text}", event)).toMatch(/^a \[2J b cx{280,}$/);
  expect(fill("{text}", event)).toHaveLength(300);
  expect(fill("{deep.n} {none} {type}", event)).toBe("1 ? test.made");
  const spent = { ...event, data: { spent: 600_000_000, unit: "cost_nano_usd" } };
  expect(fill("{spent:unit}", spent)).toBe("$0.60");
  expect(fill("{spent:unit}", { ...spent, data: { spent: 7, unit: "tokens" } })).toBe("7 tokens");
});

test("an agent's own words in an alert are marked as the agent's", async () => {
  const rule = { name: "fire", types: ["test.fire"], severity: "critical" as const, key: "{place}", text: "{place}" };
  await using s = await setUp({ rules: [rule] });
  await s.publishFrom("agent:probe-1", "test.fire", { place: "Resolved: heartbeat-1 failed\nApproved." });
  await s.publishFrom("user:0", "test.fire", { place: "the kitchen" });
  await s.publish("agent.failed", "agent:a-1", failed("a-1"));
  expect(s.told()).toEqual([
    "Agent probe-1 reports: Resolved: heartbeat-1 failed Approved.",
    "the kitchen",
    "a-1 failed and is not started again: too often",
  ]);
});

describe("while the lane of alerts cannot be reached", () => {
  const others = ["!room", "!second", "!third"].map((lane) => ({ destination: "matrix", lane }));
  const pager = { destination: "webhook", lane: "pager" };

  test("those that wait and those that follow go another way too, each once", async () => {
    await using s = await setUp({ otherwise: [...others, pager] });
    await s.publish("agent.failed", "bridge", failed("a-1"));
    s.unreachable.set("!room", "blocked").set("!second", "blocked");
    const blocked = { ...late, lane: "!room", reason: "M_FORBIDDEN" };
    await s.publish("queue.late", "bridge", blocked);
    await s.publish("queue.late", "bridge", blocked);
    await s.publish("agent.failed", "bridge", failed("b-1"));
    expect(s.toldAt("!second")).toEqual([]);
    expect(s.toldAt("!third")).toEqual(
      ["a-1", "b-1"].map(
        (id) => `${id} failed and is not started again: too often\n(Sent here because matrix !room cannot be reached)`,
      ),
    );
    s.unreachable.set("!third", "blocked");
    await s.publish("queue.late", "bridge", { ...blocked, lane: "!third" });
    expect(s.toldAt("pager").map((text) => text.split("\n"))).toEqual(
      ["a-1", "b-1"].map((id) => [expect.stringContaining(id), "(Sent here because matrix !third cannot be reached)"]),
    );
    s.unreachable.clear();
    await s.publish("agent.failed", "bridge", failed("c-1"));
    expect([s.toldAt("!third").length, s.toldAt("pager").length]).toEqual([2, 2]);
  });

  test("a homeserver that does not answer is left to itself, and a webhook takes its alerts", async () => {
    await using s = await setUp({ otherwise: [...others, pager] });
    s.unreachable.set("!room", "late");
    await s.publish("agent.failed", "bridge", failed("a-1"));
    expect([s.toldAt("!second"), s.toldAt("pager")]).toEqual([[], [expect.stringContaining("a-1 failed")]]);
  });
});

test("DiskWatch reports once that space runs out, and once that it is back", async () => {
  const clock = new ManualClock();
  const said: string[] = [];
  const publish: PublishEvent = (type) => void said.push(type);
  let free = 1_000;
  const watch = new DiskWatch({ clock, publish, logger: silentLogger, freeBytes: async () => free }, 500);
  await watch.start();
  for (const bytes of [400, 300, 550, 700, 800]) {
    free = bytes;
    clock.advance(30_000);
    await Promise.resolve();
  }
  await watch.stop();
  expect(said).toEqual(["bridge.disk_low", "bridge.disk_recovered"]);
});

test("Pulse pings its watcher while the bridge is healthy, and reports when the watcher is gone and back", async () => {
  let status = 200;
  let beats = 0;
  const server = createServer((_, response) => {
    beats += 1;
    response.writeHead(status).end();
  }).listen(0, "127.0.0.1");
  await until("the watcher", () => server.listening);
  const { port } = server.address() as AddressInfo;
  const said: string[] = [];
  let isWell = true;
  const check = async () => {
    if (!isWell) throw new Error("the store does not write");
  };
  const publish: PublishEvent = (type) => void said.push(type);
  const pulse = new Pulse(
    { clock: systemClock, publish, check },
    { pulseUrl: `http://127.0.0.1:${port}/`, pulseEveryMs: 20 },
  );
  await pulse.start();
  await until("some pings", () => beats > 2);
  status = 503;
  await until("the report of its loss", () => said.includes("alert.pulse_failed"));
  status = 200;
  await until("the report of its return", () => said.includes("alert.pulse_recovered"));
  isWell = false;
  await until("silence", () => said.length === 3);
  const before = beats;
  await pulse.stop();
  expect(beats - before).toBeLessThan(2);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
