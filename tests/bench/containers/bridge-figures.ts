import { readFileSync } from "node:fs";
import type { EngineKind } from "../../../bridge/containers/index.ts";
import { startTestDaemon, type TestDaemon } from "../../support/daemon.ts";
import { until } from "../../support/until.ts";
import { round, summary } from "./summary.ts";

const ticksPerSecond = 100;
const watchedSeconds = 20;
const panics = 3;
/** This loop only waits for callers, so the bridge only monitors it, at the default interval. */
const idleLoop = "voice-assistant";

interface Sizes {
  readonly starts: number;
  readonly agents: number;
}

type Start = (flags: readonly string[], start: readonly string[]) => Promise<TestDaemon>;

/** Measures the same through the real daemon. */
export async function bridgeFigures(kind: EngineKind, dockerHost: string | undefined, sizes: Sizes) {
  const env = dockerHost === undefined ? {} : { DOCKER_HOST: dockerHost };
  const start: Start = (flags, loops) =>
    startTestDaemon({ engine: kind, env, flags: ["--set", "log_level=warn", ...flags], start: loops });
  return {
    ...(await replacements(start, sizes.starts)),
    replaced_by_standby_ms: await replacementsByStandby(start, sizes.starts),
    crash_loop_told_ms: await crashLoop(start),
    ...(await crowd(start, sizes.agents)),
  };
}

/** Kills and freezes one agent. */
async function replacements(start: Start, times: number) {
  await using daemon = await start(["--set", "restart.failures_max=1000"], ["heartbeat"]);
  const heard = await listen(daemon);
  await heard("agent.started", () => true);
  const [died, replaced]: [number[], number[]] = [[], []];
  for (let i = 0; i < times; i++) {
    const { pid, epoch } = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
    const gone = heard("agent.died", (data) => data["epoch"] === epoch);
    const started = heard("agent.started", (data) => data["epoch"] === epoch + 1);
    const begun = performance.now();
    process.kill(pid ?? 0, "SIGKILL");
    died.push((await gone) - begun);
    replaced.push((await started) - begun);
    // After a first failure each start waits, so a failed agent is restarted by a call.
    await daemon.client.agent.restart({ agent_id: "heartbeat-1", grace_ms: 1_000 });
  }
  const { pid, epoch } = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
  const hung = heard("agent.hung", (data) => data["epoch"] === epoch);
  const begun = performance.now();
  process.kill(pid ?? 0, "SIGSTOP");
  return {
    died_event_ms: summary(died),
    replaced_ms: summary(replaced),
    sigstop_found_ms: round((await hung) - begun),
  };
}

/** Measures the same with a standby. */
async function replacementsByStandby(start: Start, times: number) {
  const flags = ["--set", "restart.failures_max=1000", "--set", "loops.heartbeat.standby=true"];
  await using daemon = await start(flags, ["heartbeat"]);
  const heard = await listen(daemon);
  const replaced: number[] = [];
  for (let i = 0; i < times; i++) {
    const { pid, epoch } = await until("a standby is ready", async () => {
      const agent = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
      return agent.standby_pid === null ? undefined : agent;
    });
    const started = heard("agent.started", (data) => data["epoch"] === epoch + 1);
    const begun = performance.now();
    process.kill(pid ?? 0, "SIGKILL");
    replaced.push((await started) - begun);
    await daemon.client.agent.restart({ agent_id: "heartbeat-1", grace_ms: 1_000 });
  }
  return summary(replaced);
}

/** Measures the time from the last allowed death to the event. */
async function crashLoop(start: Start): Promise<number> {
  await using daemon = await start(
    ["--set", "restart.initial_ms=50", "--set", "restart.failures_max=3"],
    ["heartbeat"],
  );
  const heard = await listen(daemon);
  const failed = heard("agent.failed", () => true);
  let begun = 0;
  for (let epoch = 1; epoch <= 3; epoch++) {
    const agent = await until("it runs", async () => {
      const one = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
      return one.state === "running" && one.epoch === epoch ? one : undefined;
    });
    begun = performance.now();
    process.kill(agent.pid ?? 0, "SIGKILL");
  }
  return round((await failed) - begun);
}

/** Measures with many agents what monitoring costs, and how fast all are frozen. */
async function crowd(start: Start, count: number) {
  await using daemon = await start(["--set", "agents.max=1000"], []);
  const starts = Array.from({ length: count }, () =>
    daemon.client.agent.start({ agent_type: idleLoop }, { deadlineMs: 600_000 }),
  );
  const begun = performance.now();
  await Promise.all(starts);
  const startedMs = performance.now() - begun;
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const cpuBefore = cpuTicks(daemon.pid);
  await new Promise((resolve) => setTimeout(resolve, watchedSeconds * 1_000));
  const percent = ((cpuTicks(daemon.pid) - cpuBefore) / ticksPerSecond / watchedSeconds) * 100;
  const [frozen, killed]: [number[], number[]] = [[], []];
  for (let i = 0; i < panics; i++) {
    const panic = await daemon.client.bridge.panic({ reason: "a measurement" });
    frozen.push(panic.frozen_ms);
    killed.push(panic.killed_ms);
    await daemon.client.bridge.resume();
    const running = async () => (await daemon.client.bridge.status()).agents.running === count;
    await until("all run again", running, 600_000);
  }
  return {
    all_started_ms: round(startedMs),
    monitoring_percent_of_a_core: round(percent),
    panic_frozen_ms: summary(frozen),
    panic_killed_ms: summary(killed),
  };
}

/** Resolves with the time when the first matching event reached a listener in this process. */
async function listen({ client }: TestDaemon) {
  const seen: { at: number; type: string; data: Record<string, unknown> }[] = [];
  const subscription = client.subscribe({ channels: [">"], cursor: 0 });
  await subscription.ready;
  const reading = async () => {
    for await (const { type, data } of subscription) seen.push({ at: performance.now(), type, data });
  };
  // The subscription ends when the client closes.
  reading().catch(() => undefined);
  return async (type: string, matches: (data: Record<string, unknown>) => boolean): Promise<number> => {
    const found = await until(type, () => seen.find((event) => event.type === type && matches(event.data)), 60_000);
    return found.at;
  };
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
