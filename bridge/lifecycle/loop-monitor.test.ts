import { expect, test } from "@jest/globals";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import type { Logger } from "../logging/index.ts";
import { LoopMonitor, type LoopReport } from "./loop-monitor.ts";

async function watched() {
  const clock = new ManualClock();
  const published: LoopReport[] = [];
  const logged: { level: string; fields: object }[] = [];
  const note = (level: string) => (fields: object) => void logged.push({ level, fields });
  const logger: Logger = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  let cpuMs = 0;
  const monitor = new LoopMonitor({ clock, logger, publish: (report) => published.push(report), cpuMs: () => cpuMs });
  await monitor.start();
  /** The thread stands still for so long, and uses the processor for a part of it. */
  const stall = (ms: number, part = 1) => {
    cpuMs += ms * part;
    clock.advance(ms);
  };
  return { clock, monitor, published, logged, stall };
}

const work = { principal: "agent:loud-1", method: "event.publish", bytes: 16_000_000 };

test("a stall is logged, counted and published with what ran", async () => {
  const { monitor, published, logged, stall } = await watched();
  monitor.note({ ...work, ms: 380 });
  monitor.note({ ...work, method: "rpc.ping", ms: 60 });
  stall(400);
  expect(published).toEqual([
    { stalled_ms: 400, count: 1, cpu_ms: 400, principal: "agent:loud-1", method: "event.publish", bytes: 16_000_000 },
  ]);
  expect(logged).toEqual([{ level: "warn", fields: { stalledMs: 400, cpuMs: 400, ...work, ms: 380 } }]);
  expect(monitor.totals).toEqual({ stalls: 1, stalledMs: 400 });
  expect(monitor.state).toEqual({
    isWell: true,
    message: "It stood still 1 times in the last ten minutes, at most 400 ms, by event.publish of agent:loud-1",
  });
});

test("work that took a small part of a stall is not blamed for it", async () => {
  const { monitor, published, stall } = await watched();
  monitor.note({ ...work, ms: 60 });
  stall(500);
  expect(published).toMatchObject([{ principal: null, method: null, bytes: 0 }]);
});

test("a thread that the machine did not let run is no stall", async () => {
  const { monitor, published, logged, stall } = await watched();
  stall(2_000, 0.1);
  expect({ published, stalls: monitor.totals.stalls }).toEqual({ published: [], stalls: 0 });
  expect(logged).toMatchObject([{ level: "debug" }]);
});

test("the stalls of ten seconds after the first are published together", async () => {
  const { clock, monitor, published, stall } = await watched();
  for (const ms of [300, 700, 400]) stall(ms);
  expect(published).toHaveLength(1);
  clock.advance(10_000);
  expect(published).toMatchObject([
    { stalled_ms: 300, count: 1 },
    { stalled_ms: 700, count: 2 },
  ]);
  expect(monitor.totals.stalls).toBe(3);
});

test("a bridge whose thread stands still for much of a minute is not well, and is again afterwards", async () => {
  const { clock, monitor, stall } = await watched();
  for (let stalls = 0; stalls < 6; stalls++) stall(2_000);
  expect(monitor.state.isWell).toBe(false);
  clock.advance(60_000);
  expect(monitor.state.isWell).toBe(true);
});
