import { type AgentId, LoopManifest } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { FakeEngine, killed } from "../../tests/support/fake-engine.ts";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { manifest } from "../../tests/support/supervisor.ts";
import { until } from "../../tests/support/until.ts";
import { Workspaces } from "../containers/containers.ts";
import { silentLogger } from "../logging/logging.ts";
import { Spare } from "./spare.ts";
import { StartGate } from "./start-gate.ts";

const agentId = "pulse-1" as AgentId;
const day = 24 * 60 * 60_000;

/** A spare whose containers connect as soon as there is a socket. */
function setUp() {
  const engine = new FakeEngine();
  const clock = new ManualClock();
  const said: string[] = [];
  const plan = {
    ...{ agentId, manifest: LoopManifest.parse({ ...manifest("pulse"), spare: true }), grants: [], hears: [] },
    ...{ limits: LoopManifest.parse(manifest("pulse")).limits, slot: 0, expiresAtMs: null },
  };
  const spare = new Spare(plan, {
    engine,
    endpoints: {
      open: async (_agent, epoch, _uid, guard) => {
        guard.admits(undefined).catch(() => undefined);
        return { directory: `/run/${epoch}`, socketPath: `/run/${epoch}/agent.sock`, close: async () => undefined };
      },
    },
    workspaces: new Workspaces("/nonexistent"),
    gate: new StartGate(2),
    clock,
    logger: { ...silentLogger, warn: (_, message) => void said.push(message) },
    helloDeadlineMs: 5_000,
  });
  const standing = (number: number) =>
    until(`spare ${number} stands`, () => {
      clock.advance(100);
      return engine.started.length === number && spare.pid !== null;
    });
  return { engine, clock, spare, standing, said };
}

test("one that ends after a long time is made anew, however often that was so", async () => {
  const { engine, clock, spare, standing } = setUp();
  spare.prepare(1);
  for (let number = 1; number <= 8; number++) {
    await standing(number);
    clock.advance(day);
    engine.started.at(-1)?.end(killed);
    await until("it is missed", () => spare.pid === null);
  }
  await standing(9);
  await spare.release();
});

test("one that ends again and again as soon as it stands is given up, and that is said", async () => {
  const { engine, clock, spare, standing, said } = setUp();
  spare.prepare(1);
  for (let number = 1; number <= 5; number++) {
    await standing(number);
    engine.started.at(-1)?.end(killed);
  }
  await until("it is said", () => {
    clock.advance(100);
    return said.includes("no spare is made any more before the agent's next start");
  });
  expect(spare.pid).toBeNull();
  await spare.release();
});
