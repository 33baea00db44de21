import { BridgeError } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { openTestLog } from "../../tests/support/event-log.ts";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { until } from "../../tests/support/until.ts";
import { silentLogger } from "../logging/index.ts";
import { Tasks, tasksMigrations, type Workers } from "./index.ts";

const able: Record<string, readonly string[]> = { "mail-1": ["mail"], "mail-2": ["mail"], "cook-1": ["cook"] };
const workers: Workers = {
  capabilitiesOf(agentId) {
    const found = able[agentId];
    if (found === undefined) throw new BridgeError("AGENT_NOT_FOUND");
    return found;
  },
  withCapability: (capability) => Object.keys(able).filter((id) => able[id]?.includes(capability)),
};
const draft = {
  title: "Sort",
  agentId: null as string | null,
  capability: "mail" as string | null,
  payload: { box: 1 },
  attemptsMax: 2,
  leaseMs: 10_000,
  createdBy: "user:0",
};

async function setUp() {
  const clock = new ManualClock();
  const t = await openTestLog({ clock, migrations: tasksMigrations });
  const tasks = new Tasks({ log: t.log, store: t.store, workers, logger: silentLogger });
  await tasks.start();
  const types = () =>
    t.log.history({ channels: [">"] }, 0, 1000).events.map(({ type, channel }) => `${type} ${channel}`);
  return {
    clock,
    store: t.store,
    tasks,
    types,
    async [Symbol.asyncDispose]() {
      await tasks.stop();
      await t[Symbol.asyncDispose]();
    },
  };
}

describe("Tasks", () => {
  test("a task is offered to one agent that can do it, and that agent's reports change its state", async () => {
    await using s = await setUp();
    const { id } = await s.tasks.create(draft);
    expect(s.types()).toEqual([
      `task.created task.${id}.created`,
      "task.offered agent.mail-1.task.offered",
      "task.offered agent.mail-2.task.offered",
    ]);
    expect(await s.tasks.claim("cook-1")).toBeUndefined();
    const [a, b] = await Promise.all([s.tasks.claim("mail-1"), s.tasks.claim("mail-2")]);
    expect(a).toMatchObject({ id, state: "running", agentId: "mail-1", payload: { box: 1 } });
    expect(b).toBeUndefined();
    await expect(s.tasks.update("mail-2", id, { progress: 1 })).rejects.toMatchObject({ code: "TASK_STATE_CONFLICT" });
    await s.tasks.update("mail-1", id, { progress: 0.5, message: "half" });
    const done = await s.tasks.update("mail-1", id, { outcome: "done", result: { moved: 3 } });
    expect(done).toMatchObject({ state: "done", progress: 1, message: "half", result: { moved: 3 } });
    expect(s.types().slice(3)).toEqual([
      `task.claimed task.${id}.claimed`,
      `task.progressed task.${id}.progressed`,
      `task.done task.${id}.done`,
    ]);
  });

  test("a lease that is not renewed goes back to the queue after a wait, and ends after the last attempt", async () => {
    await using s = await setUp();
    const { id } = await s.tasks.create(draft);
    await s.tasks.claim("mail-1");
    s.clock.advance(9_000);
    await s.tasks.update("mail-1", id, { message: "still here" });
    s.clock.advance(9_000);
    expect(s.tasks.list({ afterId: 0, limit: 10 })).toMatchObject([{ state: "running" }]);
    s.clock.advance(2_000);
    await until("the lease's end", () => s.tasks.list({ state: "queued", afterId: 0, limit: 10 }).length === 1);
    expect(await s.tasks.claim("mail-2")).toBeUndefined();
    s.clock.advance(2_000);
    await until("the second offer", () => s.types().filter((type) => type.startsWith("task.offered")).length === 4);
    expect(await s.tasks.claim("mail-2")).toMatchObject({ attempts: 2 });
    expect(await s.tasks.update("mail-2", id, { outcome: "failed", message: "no" })).toMatchObject({
      state: "dead",
      message: "no",
    });
    expect(s.types().at(-1)).toBe(`task.dead task.${id}.dead`);
  });

  test("one agent's tasks do not delay those of others; a task that nobody can do is reported, and given up after a day", async () => {
    await using s = await setUp();
    const flood = { ...draft, capability: "nobody-has-it", createdBy: "agent:loud-1" };
    await Promise.all(Array.from({ length: 1_000 }, () => s.tasks.create(flood)));
    await expect(s.tasks.create(flood)).rejects.toMatchObject({ code: "RATE_LIMITED" });
    const { id } = await s.tasks.create(draft);
    expect(s.types().filter((type) => type.startsWith("task.unserved")).length).toBeGreaterThan(0);
    s.clock.advance(86_400_000 + 120_000);
    await until(
      "they are given up",
      () => s.tasks.list({ state: "dead", afterId: 0, limit: 2_000 }).length === 1_000,
      30_000,
    );
    expect(s.tasks.list({ state: "queued", afterId: 0, limit: 10 }).map((task) => task.id)).toEqual([id]);
    await s.tasks.create(flood);
  });

  test("bounds the bytes of one creator's tasks, and of one task", async () => {
    await using s = await setUp();
    const large = { ...draft, createdBy: "agent:loud-1", payload: { text: "x".repeat(1_000_000) } };
    await expect(s.tasks.create({ ...large, payload: { text: "x".repeat(1_100_000) } })).rejects.toMatchObject({
      code: "INVALID_PARAMS",
    });
    for (let i = 0; i < 17; i++) await s.tasks.create(large);
    await expect(s.tasks.create(large)).rejects.toMatchObject({ code: "RATE_LIMITED" });
    await s.tasks.create({ ...large, createdBy: "agent:quiet-1" });
  });

  test("no statement of the sweep or of a claim reads finished tasks", async () => {
    await using s = await setUp();
    const plan = (sql: string, ...values: (string | number)[]) =>
      s.store.read((db) => db.all(`EXPLAIN QUERY PLAN ${sql}`, ...values)).map((row) => String(row["detail"]));
    for (const detail of [
      ...plan("SELECT * FROM tasks WHERE state = 'running' AND due_ms <= ? ORDER BY due_ms LIMIT 100", 1),
      ...plan(
        "SELECT * FROM tasks WHERE state = 'queued' AND due_ms > ? AND due_ms <= ? ORDER BY due_ms LIMIT 100",
        1,
        2,
      ),
      ...plan(
        "SELECT * FROM tasks WHERE state = 'queued' AND due_ms <= ? AND agent_id = ? ORDER BY id LIMIT 1",
        1,
        "a-1",
      ),
      ...plan("SELECT * FROM tasks WHERE id > ? AND state = ? ORDER BY id LIMIT ?", 0, "dead", 10),
    ])
      expect(detail).not.toMatch(/^SCAN/);
  });

  test("an assigned task stays with its agent; a released one is not counted", async () => {
    await using s = await setUp();
    await expect(s.tasks.create({ ...draft, agentId: "none-1" })).rejects.toMatchObject({ code: "AGENT_NOT_FOUND" });
    await expect(s.tasks.create({ ...draft, capability: null })).rejects.toMatchObject({ code: "INVALID_PARAMS" });
    const { id } = await s.tasks.create({ ...draft, capability: "cook" });
    await s.tasks.assign(id, "mail-2");
    expect(await s.tasks.claim("cook-1")).toBeUndefined();
    await s.tasks.claim("mail-2");
    await expect(s.tasks.assign(id, "mail-1")).rejects.toMatchObject({ code: "TASK_STATE_CONFLICT" });
    expect(await s.tasks.update("mail-2", id, { outcome: "released" })).toMatchObject({ state: "queued", attempts: 0 });
    expect(await s.tasks.claim("mail-2")).toMatchObject({ attempts: 1 });
    await s.tasks.delete(id);
    await expect(s.tasks.delete(id)).rejects.toMatchObject({ code: "TASK_NOT_FOUND" });
    await expect(s.tasks.update("mail-2", id, {})).rejects.toMatchObject({ code: "TASK_NOT_FOUND" });
  });
});
