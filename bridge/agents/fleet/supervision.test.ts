import type { LoopManifestInput } from "@armorclaw/protocol";
import { BridgeError, type ContainerId } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { completed, FakeContainer, FakeEngine, killed } from "../../../tests/support/engines/fake-engine.ts";
import { MemoryRecords, manifest, setUp } from "../../../tests/support/engines/supervisor.ts";
import { ManualClock } from "../../../tests/support/manual-clock.ts";
import { until } from "../../../tests/support/until.ts";
import type { AgentSupervisor } from "../index.ts";
import { StartQueue } from "../instance/start-queue.ts";
import { redact } from "../logs/redact.ts";
import { findOrphans, planStart } from "./reconcile.ts";

const stateOf = (supervisor: AgentSupervisor, id: string) => supervisor.get(id).state;
const whenRunning = (supervisor: AgentSupervisor, id: string) =>
  until(`${id} runs`, () => supervisor.list(false).find((one) => one.agentId === id && one.state === "running"));

describe("liveness", () => {
  test("an agent that is silent for too long is killed and reported as hung; heartbeats keep it running", async () => {
    const clock = new ManualClock();
    const { supervisor, types, seen } = setUp({ hangAfterMs: 10_000 }, { clock });
    const agent = await supervisor.launch("pulse");
    for (let i = 0; i < 20; i++) {
      clock.advance(1_000);
      agent.heartbeat({ seq: i + 1, activity: "active" });
    }
    expect(agent.snapshot).toMatchObject({ isLive: true, isReady: true });
    for (let i = 0; i < 12; i++) clock.advance(1_000);
    await until("its second start", () => {
      clock.advance(1);
      return types().includes("agent.restarted pulse-1");
    });
    expect(seen.find(({ type }) => type === "agent.hung")?.data).toMatchObject({
      epoch: 1,
      silent_ms: expect.any(Number),
    });
    expect(seen.find(({ type }) => type === "agent.exited")?.data).toMatchObject({ exit: { reason: "hung" } });
    await supervisor.stop();
  });

  test("a bridge that stalled kills no agent", async () => {
    const clock = new ManualClock();
    const { supervisor, engine } = setUp({ hangAfterMs: 10_000 }, { clock });
    await supervisor.launch("pulse");
    // All checks of that time run as one, late.
    clock.advance(60_000);
    expect(stateOf(supervisor, "pulse-1")).toBe("running");
    expect(engine.started).toHaveLength(1);
    await supervisor.stop();
  });
});

describe("a restart of the bridge", () => {
  const record = (agentId: string, epoch: number, more: object = {}) => ({
    agentId,
    loop: "pulse",
    origin: "operator",
    desired: "run",
    slot: 3,
    epoch,
    isPaused: false,
    restarts: 2,
    createdAtMs: 1,
    expiresAtMs: null,
    ...more,
  });

  test("adopts containers at their recorded epoch, removes the install's other containers, and starts missing agents", async () => {
    const engine = new FakeEngine();
    const records = new MemoryRecords();
    for (const [agentId, epoch] of [
      ["pulse-1", 4],
      ["pulse-2", 5],
    ] as const)
      await records.put(record(agentId, epoch) as never);
    const at = (agentId: string, epoch: number) => ({
      id: `${agentId}.${epoch}` as ContainerId,
      agentId,
      epoch,
      running: true,
    });
    engine.leftovers = [at("pulse-1", 4), at("pulse-2", 4), at("gone-1", 1)];
    engine.adoptable.set("pulse-1.4", new FakeContainer({ agentId: "pulse-1" as never, epoch: 4 }));
    const { supervisor, types, opened } = setUp({}, { engine, records });
    supervisor.begin();
    await whenRunning(supervisor, "pulse-1");
    await whenRunning(supervisor, "pulse-2");
    expect(engine.removed.sort()).toEqual(["gone-1.1", "pulse-2.4"]);
    expect(supervisor.get("pulse-1").snapshot).toMatchObject({ epoch: 4, restarts: 2 });
    expect(supervisor.get("pulse-2").snapshot).toMatchObject({ epoch: 6 });
    expect(opened.sort()).toEqual(["/run/agents/pulse-1.4", "/run/agents/pulse-2.6"]);
    expect(types()).toContain("agent.adopted pulse-1");
    expect(types()).not.toContain("agent.started pulse-1");
    await supervisor.stop();
  });

  test("adopts the agents that come back, whatever others do that stand still", async () => {
    const engine = new FakeEngine();
    const records = new MemoryRecords();
    const ids = Array.from({ length: 40 }, (_, index) => `pulse-${index + 1}`);
    for (const [index, agentId] of ids.entries()) {
      await records.put(record(agentId, 4, { slot: index }) as never);
      engine.leftovers.push({ id: `${agentId}.4` as ContainerId, agentId, epoch: 4, running: true });
      engine.adoptable.set(`${agentId}.4`, new FakeContainer({ agentId: agentId as never, epoch: 4 }));
    }
    const last = "pulse-40";
    const { supervisor } = setUp({ max: 40 }, { engine, records, greets: (agentId) => agentId === last });
    supervisor.begin();
    expect(await whenRunning(supervisor, last)).toMatchObject({ epoch: 4 });
    expect(supervisor.list(false).filter(({ state }) => state === "starting")).toHaveLength(39);
    await supervisor.stop();
  });

  test("restarts an agent that cannot be adopted, without counting a crash", async () => {
    const engine = new FakeEngine();
    const records = new MemoryRecords();
    await records.put(record("pulse-1", 4) as never);
    engine.leftovers = [{ id: "pulse-1.4" as ContainerId, agentId: "pulse-1", epoch: 4, running: true }];
    const { supervisor } = setUp({}, { engine, records });
    supervisor.begin();
    expect(await whenRunning(supervisor, "pulse-1")).toMatchObject({ epoch: 5 });
    await supervisor.stop();
    expect(records.get("pulse-1")).toMatchObject({ desired: "run", epoch: 5 });
  });

  test("forgets agents that were stopped, but never uses an epoch twice", async () => {
    const records = new MemoryRecords();
    const first = setUp({}, { records });
    await (await first.supervisor.launch("pulse")).stop(0);
    await first.supervisor.stop();
    const second = setUp({}, { records });
    second.supervisor.begin();
    expect((await second.supervisor.launch("pulse")).snapshot).toMatchObject({ agentId: "pulse-1", epoch: 2 });
    await second.supervisor.stop();
  });

  test("starts no agent that is no longer in the default set", async () => {
    const records = new MemoryRecords();
    await records.put(record("pulse-1", 1, { origin: "default" }) as never);
    const { supervisor } = setUp({ start: ["errand"] }, { records });
    supervisor.begin();
    await whenRunning(supervisor, "errand-1");
    expect(supervisor.list(true)).toHaveLength(1);
    await supervisor.stop();
  });
});

describe("panic", () => {
  test("freezes and kills all agents, and starts none until resume, also in the next bridge", async () => {
    const records = new MemoryRecords();
    const { supervisor, engine, types } = setUp({ start: ["pulse", "errand"] }, { records });
    supervisor.begin();
    await whenRunning(supervisor, "pulse-1");
    await whenRunning(supervisor, "errand-1");
    expect(await supervisor.panic("drill")).toMatchObject({ agents: 2 });
    expect(engine.started.map(({ isPaused }) => isPaused)).toEqual([true, true]);
    expect(supervisor.list(true).map(({ state, message }) => `${state} ${message}`)).toEqual(
      Array(2).fill("stopped Panic: drill"),
    );
    expect(types()).toContain("bridge.panicked undefined");
    await expect(supervisor.launch("pulse")).rejects.toMatchObject({ code: "BRIDGE_PANICKED" });
    await supervisor.stop();
    const next = setUp({ start: ["pulse", "errand"] }, { records });
    next.supervisor.begin();
    await expect(next.supervisor.launch("pulse")).rejects.toMatchObject({ code: "BRIDGE_PANICKED" });
    expect(await next.supervisor.resume()).toBe(2);
    await whenRunning(next.supervisor, "pulse-1");
    await next.supervisor.stop();
  });
});

describe("an engine that goes away", () => {
  test("is reported once, counts as no crash of an agent, and wanted agents start when it is back", async () => {
    const { supervisor, engine, types } = setUp({ start: ["pulse"] });
    const gone = new BridgeError("ENGINE_UNAVAILABLE", "It is away");
    engine.outage = gone;
    engine.onStart = async () => {
      if (engine.outage !== undefined) throw engine.outage;
    };
    supervisor.begin();
    await until("the reported state", () => supervisor.list(true)[0]?.state === "engine-unreachable");
    expect(supervisor.isEngineReachable).toBe(false);
    engine.outage = undefined;
    expect(await whenRunning(supervisor, "pulse-1")).toMatchObject({ restarts: 0 });
    expect(types().filter((type) => type.startsWith("bridge."))).toEqual([
      "bridge.engine_unreachable undefined",
      "bridge.engine_reachable undefined",
    ]);
    expect(engine.started).toHaveLength(1);
    await supervisor.stop();
  });
});

describe("loops that start after others", () => {
  const comesAfter = (loops: string[]): LoopManifestInput[] => [
    manifest("pulse"),
    { ...manifest("late"), after: loops } as never,
  ];

  test("wait until an agent of such a loop is ready", async () => {
    const { supervisor, engine } = setUp({ start: ["late", "pulse"] }, { manifests: comesAfter(["pulse"]) });
    supervisor.begin();
    await whenRunning(supervisor, "pulse-1");
    expect(supervisor.get("late-1").snapshot).toMatchObject({
      state: "requested",
      message: "Waiting until an agent of pulse is ready",
    });
    supervisor.get("pulse-1").report("active", undefined);
    await whenRunning(supervisor, "late-1");
    expect(engine.started.map(({ agentId }) => agentId)).toEqual(["pulse-1", "late-1"]);
    await supervisor.stop();
  });

  test("that wait for each other are refused", async () => {
    const { supervisor } = setUp(
      {},
      { manifests: [{ ...manifest("pulse"), after: ["late"] } as never, ...comesAfter(["pulse"]).slice(1)] },
    );
    await expect(supervisor.start()).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("pulse after late after pulse"),
    });
  });
});

test("a loop with a workspace cannot have a standby", async () => {
  const loops = { pulse: { workspace: { size_bytes: 8 * 1024 * 1024 }, standby: true } };
  const { supervisor } = setUp({ loops });
  await expect(supervisor.start()).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("set no standby for it"),
  });
});

test("an agent is stopped for good when its time to live is over", async () => {
  const { supervisor, records } = setUp();
  const agent = await supervisor.launch("pulse", undefined, 100);
  await until("stopped", () => agent.state === "stopped");
  expect(agent.snapshot.message).toBe("Its time to live is over");
  expect(records.get("pulse-1")?.desired).toBe("rest");
});

test("a manual restart ends a crash loop and resets the count", async () => {
  const { supervisor, engine, seen } = setUp();
  await supervisor.launch("pulse");
  for (let i = 0; i < 4; i++) (await until(`start ${i + 1}`, () => engine.started[i])).end(killed);
  const failed = await until("failed", () => seen.find(({ type }) => type === "agent.failed"));
  expect(failed.data).toMatchObject({ cause: "crash-loop" });
  await supervisor.restart("pulse-1", 0);
  engine.started[4]?.end(killed);
  await until("a start after it", () => engine.started[5]);
  await supervisor.stop();
});

test("StartQueue runs no more than its maximum, and an aborted start leaves the queue", async () => {
  const starts = new StartQueue(2, () => true);
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  const never = new AbortController().signal;
  const all = Array.from({ length: 10 }, () => starts.run(work, never));
  const impatient = new AbortController();
  const given = starts.run(work, impatient.signal);
  impatient.abort(new Error("gave up"));
  await expect(given).rejects.toThrow("gave up");
  await Promise.all(all);
  expect(most).toBe(2);
});

test("planStart() adopts only a running container of the recorded epoch, and never uses an earlier epoch", () => {
  const wanted = { agentId: "pulse-1", desired: "run", epoch: 3 } as never;
  const at = (epoch: number, running = true) => ({
    id: `c${epoch}` as ContainerId,
    agentId: "pulse-1",
    epoch,
    running,
  });
  expect(planStart([wanted], [at(3)])).toMatchObject({ start: [{ adopted: { id: "c3" } }], remove: [] });
  expect(planStart([wanted], [at(3, false), at(5)])).toMatchObject({
    start: [{ adopted: undefined, record: { epoch: 5 } }],
    remove: [{ id: "c3" }, { id: "c5" }],
  });
});

test("findOrphans() returns containers that no agent holds in two inspections in a row", () => {
  const held = [{ agentId: "pulse-1", epoch: 1 }];
  const containers = [1, 2].map((epoch) => ({
    id: `c${epoch}` as ContainerId,
    agentId: "pulse-1",
    epoch,
    running: true,
  }));
  const first = findOrphans(containers, held, new Set());
  expect(first.orphans).toEqual([]);
  expect(findOrphans(containers, held, first.suspects).orphans).toMatchObject([{ id: "c2" }]);
});

test.each([
  [`using sk-${"a".repeat(24)} now`, "using [redacted] now"],
  ['{"password":"hunter22","user":"ann"}', '{"password":[redacted],"user":"ann"}'],
  ["Authorization: Bearer abcdefghijklmnop", "Authorization: [redacted]"],
  ["api_key=0123456789 done", "api_key=[redacted] done"],
  ["pulse 12  up 3.4 s", "pulse 12  up 3.4 s"],
])("redact(%j)", (line, kept) => expect(redact(line)).toBe(kept));

test("completed agents that are not restarted are no longer wanted", async () => {
  const { supervisor, engine, records } = setUp();
  await supervisor.launch("errand");
  engine.started[0]?.end(completed);
  await until("stopped", () => stateOf(supervisor, "errand-1") === "stopped");
  expect(records.get("errand-1")?.desired).toBe("rest");
});
