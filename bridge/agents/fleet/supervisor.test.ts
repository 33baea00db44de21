import { type AgentId, BridgeError } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { completed, killed } from "../../../tests/support/engines/fake-engine.ts";
import { settings, setUp } from "../../../tests/support/engines/supervisor.ts";
import { until } from "../../../tests/support/until.ts";
import type { AgentSupervisor } from "../index.ts";

const stateOf = (supervisor: AgentSupervisor, id: string) => supervisor.get(id).state;

describe("AgentSupervisor.launch()", () => {
  test("answers when the agent has said hello, and names agents by the lowest free number", async () => {
    const { supervisor, types } = setUp();
    const first = await supervisor.launch("pulse");
    const second = await supervisor.launch("pulse");
    expect([first.snapshot, second.snapshot]).toMatchObject([
      { agentId: "pulse-1", state: "running", isolation: "sandbox", epoch: 1, restarts: 0 },
      { agentId: "pulse-2", state: "running" },
    ]);
    await first.stop(0);
    expect((await supervisor.launch("pulse")).snapshot.agentId).toBe("pulse-1");
    expect(types()).toEqual([
      "agent.started pulse-1",
      "agent.started pulse-2",
      "agent.stopped pulse-1",
      "agent.started pulse-1",
    ]);
    await supervisor.stop();
  });

  test.each([
    ["an unknown loop, naming the nearest", "pulze", undefined, "LOOP_NOT_FOUND", /did you mean pulse/],
    ["a name that is taken", "pulse", "pulse-1", "AGENT_ALREADY_RUNNING", /pulse-1 is already running/],
  ])("refuses %s", async (_, loop, name, code, message) => {
    const { supervisor } = setUp();
    await supervisor.launch("pulse");
    const refusal = supervisor.launch(loop, name as AgentId | undefined);
    await expect(refusal).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await supervisor.stop();
  });

  test("refuses more agents than the limit", async () => {
    const { supervisor } = setUp();
    for (let i = 0; i < 3; i++) await supervisor.launch("pulse");
    await expect(supervisor.launch("pulse")).rejects.toMatchObject({ code: "AGENT_LIMIT_REACHED" });
    await supervisor.stop();
  });

  test("rejects, fails and removes its socket when the agent ends before its hello", async () => {
    const { supervisor, engine, types, opened, closed } = setUp({}, { hello: false });
    const launch = supervisor.launch("pulse");
    (await until("a container", () => engine.started[0])).end({ ...killed, message: "It was killed" });
    await expect(launch).rejects.toMatchObject({
      code: "AGENT_START_FAILED",
      message: expect.stringContaining("before its hello: It was killed"),
    });
    expect(stateOf(supervisor, "pulse-1")).toBe("failed");
    expect(types()).toEqual(["agent.failed pulse-1"]);
    expect(closed).toEqual(opened);
  });

  test("rejects when no hello comes in time, and kills the container", async () => {
    const { supervisor, engine } = setUp({ helloDeadlineMs: 30 }, { hello: false });
    await expect(supervisor.launch("pulse")).rejects.toMatchObject({ message: "pulse-1 did not say hello in time" });
    await expect(engine.started[0]?.exited).resolves.toEqual(killed);
  });

  test("refuses an agent whose isolation the kernel does not confirm, for good, and never answers its hello", async () => {
    const { supervisor, engine } = setUp({ start: ["pulse"] });
    engine.missing = ["no network"];
    supervisor.begin();
    await until("failed", () => supervisor.list(true)[0]?.state === "failed");
    expect(engine.started).toHaveLength(1);
    expect(supervisor.get("pulse-1").snapshot.message).toContain("no network");
    await expect(supervisor.get("pulse-1").hello()).rejects.toBeInstanceOf(BridgeError);
  });
});

describe("an agent that ends", () => {
  test("is started again under its id, and events report it", async () => {
    const { supervisor, engine, types, seen } = setUp();
    await supervisor.launch("pulse");
    engine.started[0]?.end(killed);
    await until("its second start", () => types().includes("agent.restarted pulse-1"));
    expect(types()).toEqual([
      "agent.started pulse-1",
      "agent.died pulse-1",
      "agent.exited pulse-1",
      "agent.started pulse-1",
      "agent.restarted pulse-1",
    ]);
    expect(seen[2]?.data).toMatchObject({ exit: { reason: "killed" }, restart_in_ms: 0 });
    expect(supervisor.get("pulse-1").snapshot).toMatchObject({ state: "running", epoch: 2, restarts: 1 });
    await supervisor.stop();
  });

  test("too often ends in the state failed, reported with critical priority", async () => {
    const { supervisor, engine, seen } = setUp();
    await supervisor.launch("pulse");
    for (let i = 0; i < 4; i++) (await until(`start ${i + 1}`, () => engine.started[i])).end(killed);
    const failed = await until("failed", () => seen.find(({ type }) => type === "agent.failed"));
    expect(failed).toMatchObject({
      priority: "critical",
      data: { message: expect.stringMatching(/too often.*killed/) },
    });
    expect(engine.started).toHaveLength(4);
    await expect(supervisor.restart("pulse-1", 0)).resolves.toMatchObject({ state: "running" });
    await supervisor.stop();
  });

  test.each([
    ["on-failure", "errand", completed, "stopped"],
    ["never", "once", completed, "stopped"],
    ["never", "once", killed, "failed"],
  ])("with restart %s (%s) after %j is %s", async (_, loop, exit, state) => {
    const { supervisor, engine } = setUp();
    await supervisor.launch(loop);
    engine.started[0]?.end(exit as typeof killed);
    await until(state, () => stateOf(supervisor, `${loop}-1`) === state);
    expect(engine.started).toHaveLength(1);
  });
});

describe("stopping", () => {
  test("ends an agent in each state: starting, running, waiting for a restart", async () => {
    const { supervisor, engine, closed, opened } = setUp({
      restart: { ...settings.restart, initialMs: 60_000, maxMs: 60_000 },
    });
    const held = Promise.withResolvers<void>();
    engine.onStart = (spec, signal) =>
      spec.agentId === "pulse-3"
        ? new Promise((resolve) => signal.addEventListener("abort", () => resolve()))
        : Promise.resolve();
    await supervisor.launch("pulse");
    await supervisor.launch("pulse");
    const launching = supervisor.launch("pulse");
    launching.catch(() => held.resolve());
    engine.started[1]?.end(killed);
    (await until("its second start", () => engine.started.filter(({ agentId }) => agentId === "pulse-2")[1])).end(
      killed,
    );
    await until("backoff", () => stateOf(supervisor, "pulse-2") === "backoff");
    await until("creating", () => stateOf(supervisor, "pulse-3") === "creating");
    await supervisor.stop();
    await held.promise;
    expect(supervisor.list(true).map(({ state }) => state)).toEqual(["stopped", "stopped", "stopped"]);
    expect(closed.sort()).toEqual(opened.sort());
  });

  test("twice, or when stopped, succeeds", async () => {
    const { supervisor } = setUp();
    const agent = await supervisor.launch("pulse");
    await Promise.all([agent.stop(10), agent.stop(10)]);
    await agent.stop(10);
    expect(agent.state).toBe("stopped");
  });

  test("refuses new agents while draining", async () => {
    const { supervisor } = setUp();
    await supervisor.drain();
    await expect(supervisor.launch("pulse")).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  });
});

describe("a start of the bridge", () => {
  test("removes containers of an earlier bridge before it starts the default set", async () => {
    const { supervisor, engine } = setUp({ start: ["pulse", "errand"] });
    engine.leftovers = [{ id: "pulse-1.7" as never, agentId: "pulse-1", epoch: 7, running: true }];
    engine.onStart = async () => expect(engine.removed).toEqual(["pulse-1.7"]);
    supervisor.begin();
    await until("both run", () => supervisor.list(false).filter(({ state }) => state === "running").length === 2);
    await supervisor.stop();
  });

  test("refuses a default set that names an unknown loop", async () => {
    const { supervisor } = setUp({ start: ["puls"] });
    await expect(supervisor.start()).rejects.toMatchObject({ code: "LOOP_NOT_FOUND" });
  });

  test("keeps trying to start an agent of the default set", async () => {
    const { supervisor, engine } = setUp({ start: ["pulse"] });
    let tries = 0;
    engine.onStart = async () => {
      tries += 1;
      if (tries < 3) throw new BridgeError("ENGINE_UNAVAILABLE");
    };
    supervisor.begin();
    await until("running", () => supervisor.list(false)[0]?.state === "running");
    expect(tries).toBe(3);
    await supervisor.stop();
  });
});

test("usage() measures processor time between two readings", async () => {
  const { supervisor } = setUp();
  await supervisor.launch("pulse");
  expect(await supervisor.usage()).toEqual([
    expect.objectContaining({ agentId: "pulse-1", memoryBytes: 1_000_000, cpuPercent: null, pids: 7, history: [] }),
  ]);
  await supervisor.stop();
});
