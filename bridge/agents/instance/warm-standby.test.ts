import { type AgentId, LoopManifest } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { completed, FakeEngine, killed } from "../../../tests/support/engines/fake-engine.ts";
import { manifest, setUp as setUpSupervisor } from "../../../tests/support/engines/supervisor.ts";
import { ManualClock } from "../../../tests/support/manual-clock.ts";
import { until } from "../../../tests/support/until.ts";
import { Workspaces } from "../../containers/index.ts";
import { silentLogger } from "../../logging/index.ts";
import { AgentLog } from "../logs/agent-log.ts";
import { Quota } from "../logs/quota.ts";
import { AgentEvents } from "./agent-events.ts";
import { AgentStatus } from "./agent-status.ts";
import { StartQueue } from "./start-queue.ts";
import { WarmStandby } from "./warm-standby.ts";

const agentId = "pulse-1" as AgentId;
const day = 24 * 60 * 60_000;

/** A standby whose containers connect as soon as their socket exists. */
function setUp() {
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const logged: string[] = [];
  const plan = {
    agentId,
    loop: LoopManifest.parse(manifest("pulse")).name,
    manifest: LoopManifest.parse({ ...manifest("pulse"), standby: true }),
    grants: [],
    subscriptions: [],
    limits: LoopManifest.parse(manifest("pulse")).limits,
    slot: 0,
    expiresAtMs: null,
  };
  const standby = new WarmStandby(plan, {
    engine,
    endpoints: {
      open: async (_agent, epoch, _uid, guard) => {
        guard.admits(undefined).catch(() => undefined);
        return { directory: `/run/${epoch}`, socketPath: `/run/${epoch}/agent.sock`, close: async () => undefined };
      },
    },
    workspaces: new Workspaces("/nonexistent"),
    starts: new StartQueue(2, () => true),
    status: new AgentStatus(plan, clock, silentLogger),
    events: new AgentEvents(plan, () => undefined),
    log: new AgentLog({ clock, bytesMax: 1_000, quota: new Quota(clock, { perSecond: 1, burst: 1 }), file: undefined }),
    clock,
    logger: { ...silentLogger, warn: (_, message) => void logged.push(message) },
    settings: { helloDeadlineMs: 5_000, hangAfterMs: 10_000 },
  });
  const ready = (number: number) =>
    until(`standby ${number} is ready`, () => {
      clock.advance(100);
      return engine.started.length === number && standby.pid !== null;
    });
  return { engine, clock, standby, ready, logged };
}

test("a standby that ends after a long time is replaced, any number of times", async () => {
  const { engine, clock, standby, ready } = setUp();
  standby.prepare(1);
  for (let number = 1; number <= 8; number++) {
    await ready(number);
    clock.advance(day);
    engine.started.at(-1)?.end(killed);
    await until("its end is noticed", () => standby.pid === null);
  }
  await ready(9);
  await standby.release();
});

test("a standby that ends repeatedly as soon as it is ready is no longer replaced, and that is logged", async () => {
  const { engine, clock, standby, ready, logged } = setUp();
  standby.prepare(1);
  for (let number = 1; number <= 5; number++) {
    await ready(number);
    engine.started.at(-1)?.end(killed);
  }
  await until("the warning", () => {
    clock.advance(100);
    return logged.includes("no further standby is started before the agent's next start");
  });
  expect(standby.pid).toBeNull();
  await standby.release();
});

test("an agent is stopped only once its standby has ended, so that no epoch is used twice", async () => {
  const { supervisor, engine, types, opened } = setUpSupervisor(
    {},
    { manifests: [{ ...manifest("once", "never"), standby: true }] },
  );
  await supervisor.launch("once");
  await until("its standby is started", () => engine.started.length === 2);
  const killing = Promise.withResolvers<void>();
  Object.assign(engine.started[1] ?? {}, { kill: () => killing.promise });
  engine.started[0]?.end(completed);
  await until("it ends", () => types().includes("agent.exited once-1"));
  await new Promise(setImmediate);
  expect(supervisor.get("once-1").state).toBe("running");
  killing.resolve();
  await until("it is stopped", () => supervisor.get("once-1").state === "stopped");
  await supervisor.launch("once", "once-1" as AgentId);
  expect(opened.slice(0, 3)).toEqual(["/run/agents/once-1.1", "/run/agents/once-1.2", "/run/agents/once-1.3"]);
  await supervisor.stop();
});
