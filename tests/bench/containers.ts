// `npm run bench:containers -- --json`: what starts, watching and panic cost, each beside a bare Node child in the same run.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { EngineKind } from "../../bridge/containers/containers.ts";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { openProbeEngine, probeOptions, startProbe } from "../support/engine-harness.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    starts: { type: "string", default: "20" },
    agents: { type: "string", default: "100" },
    engine: { type: "string", multiple: true },
  },
});
const starts = Number(values.starts);
const dockerHost = process.env["ARMORCLAW_TEST_DOCKER_HOST"] ?? process.env["DOCKER_HOST"];
const kinds = (values.engine ?? ["sandbox", ...(dockerHost === undefined ? [] : ["docker"])]) as EngineKind[];
const ticksPerSecond = 100;

const report: Record<string, unknown> = { node: process.version, starts };
report["bare_child"] = await bareChild();
for (const kind of kinds) report[kind] = { ...(await engineFigures(kind)), ...(await daemonFigures(kind)) };
process.stdout.write(`${JSON.stringify(report, null, values.json ? undefined : 2)}\n`);

function summary(samples: readonly number[]): object {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { n: samples.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), min: at(0), max: at(1) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** A plain child that runs the same probe agent, from its start to its first line. */
async function bareChild(): Promise<object> {
  using directory = tempDirectory();
  let number = 0;
  const start = async (): Promise<{ ms: number; end: () => Promise<void> }> => {
    const path = join(directory.path, `${++number}.sock`);
    const server = createServer().listen(path);
    await once(server, "listening");
    const begun = performance.now();
    const child = spawn(process.execPath, [join(import.meta.dirname, "../support/engine-probe-agent.mjs")], {
      env: { ARMORCLAW_AGENT_SOCKET: path },
      stdio: "ignore",
    });
    const [socket] = await once(server, "connection");
    await once(socket, "data");
    const ms = performance.now() - begun;
    return {
      ms,
      end: async () => {
        child.kill("SIGKILL");
        await once(child, "exit");
        server.close();
      },
    };
  };
  const samples: number[] = [];
  for (let i = 0; i < starts; i++) {
    const { ms, end } = await start();
    samples.push(ms);
    await end();
  }
  const begun = performance.now();
  const all = await Promise.all(Array.from({ length: 15 }, start));
  const fifteenMs = performance.now() - begun;
  await Promise.all(all.map(({ end }) => end()));
  return { cold_start_ms: summary(samples), fifteen_at_once_ms: round(fifteenMs) };
}

/** Starts, memory and how fast an end is known, at the engine itself. */
async function engineFigures(kind: EngineKind): Promise<object> {
  using directory = tempDirectory();
  const engine = await openProbeEngine(
    probeOptions(kind, directory.path, dockerHost === undefined ? {} : { dockerHost }),
  );
  const cold: number[] = [];
  const killed: number[] = [];
  const told: number[] = [];
  const memory: number[] = [];
  for (let i = 0; i < starts; i++) {
    await using probe = await startProbe(engine, directory.path);
    cold.push(probe.startMs);
    memory.push(((await probe.container.usage())?.memoryBytes ?? 0) / 2 ** 20);
    const begun = performance.now();
    process.kill(probe.container.pid ?? 0, "SIGKILL");
    // The bridge hears of it by the closed connection, which asks the container to look.
    setTimeout(() => probe.container.look(), 3);
    await probe.container.gone;
    killed.push(performance.now() - begun);
    await probe.container.exited;
    told.push(performance.now() - begun);
  }
  const oom: number[] = [];
  for (let i = 0; i < 3; i++) {
    await using probe = await startProbe(engine, directory.path);
    const begun = performance.now();
    probe.tell("{ const held = []; for (;;) held.push(Buffer.alloc(16 << 20, 1)) }");
    await probe.container.exited;
    oom.push(performance.now() - begun);
  }
  const fifteenMs = await fifteen(() => startProbe(engine, directory.path));
  await engine.close();
  return {
    cold_start_ms: summary(cold),
    fifteen_at_once_ms: fifteenMs,
    memory_mib: summary(memory),
    kill_seen_ms: summary(killed),
    kill_explained_ms: summary(told),
    oom_from_bomb_ms: summary(oom),
  };
}

/** In as many lanes as the supervisor has. */
async function fifteen(start: () => Promise<AsyncDisposable>): Promise<number> {
  const begun = performance.now();
  let left = 15;
  const probes: AsyncDisposable[] = [];
  const lane = async () => {
    while (left-- > 0) probes.push(await start());
  };
  await Promise.all(Array.from({ length: 4 }, lane));
  const ms = performance.now() - begun;
  await Promise.all(probes.map((probe) => probe[Symbol.asyncDispose]()));
  return round(ms);
}

/** What the whole bridge makes of it. */
async function daemonFigures(kind: EngineKind): Promise<object> {
  const env = kind === "docker" && dockerHost !== undefined ? { DOCKER_HOST: dockerHost } : {};
  const flags = ["--set", "log_level=warn", "--set", "restart.failures_max=1000", "--set", "agents.max=200"];
  await using daemon = await startTestDaemon({ engine: kind as "sandbox", env, flags, start: ["heartbeat"] });
  const heard = await listen(daemon);
  await heard("agent.started", () => true);
  const died: number[] = [];
  const replaced: number[] = [];
  for (let i = 0; i < starts; i++) {
    const { pid, epoch } = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
    const [gone, started] = [
      heard("agent.died", (data) => data["epoch"] === epoch),
      heard("agent.started", (data) => data["epoch"] === epoch + 1),
    ];
    const begun = performance.now();
    process.kill(pid ?? 0, "SIGKILL");
    died.push((await gone) - begun);
    replaced.push((await started) - begun);
    // Beyond a first failure there is a wait before each start, so what failed is restarted by hand.
    await daemon.client.agent.restart({ agent_id: "heartbeat-1", grace_ms: 1_000 });
  }
  const { pid, epoch } = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
  const hung = heard("agent.hung", (data) => data["epoch"] === epoch);
  const begun = performance.now();
  process.kill(pid ?? 0, "SIGSTOP");
  const hangMs = (await hung) - begun;
  const many = await crowd(daemon);
  return {
    died_event_ms: summary(died),
    replaced_ms: summary(replaced),
    sigstop_found_ms: round(hangMs),
    crash_loop_ms: await crashLoop(kind, env),
    ...many,
  };
}

/** With many agents: what watching them costs, and how fast all are frozen. */
async function crowd(daemon: TestDaemon): Promise<object> {
  const count = Number(values.agents);
  const before = (await daemon.client.bridge.status()).agents.running;
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: count - before }, () => daemon.client.agent.start({ agent_type: "heartbeat" })),
  );
  const startedMs = performance.now() - begun;
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const cpuBefore = cpuTicks(daemon.pid);
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const percent = ((cpuTicks(daemon.pid) - cpuBefore) / ticksPerSecond / 10) * 100;
  const frozen: number[] = [];
  const killed: number[] = [];
  for (let i = 0; i < 3; i++) {
    const panic = await daemon.client.bridge.panic({ reason: "a measurement" });
    frozen.push(panic.frozen_ms);
    killed.push(panic.killed_ms);
    await daemon.client.bridge.resume();
    const running = async () => (await daemon.client.bridge.status()).agents.running === count;
    await until("all run again", running, 120_000);
  }
  return {
    agents: count,
    start_all_ms: round(startedMs),
    bridge_percent_of_a_core: round(percent),
    panic_frozen_ms: summary(frozen),
    panic_killed_ms: summary(killed),
  };
}

async function crashLoop(kind: EngineKind, env: Record<string, string>): Promise<number> {
  const flags = ["--set", "restart.initial_ms=50", "--set", "restart.failures_max=3", "--set", "log_level=warn"];
  await using daemon = await startTestDaemon({ engine: kind as "sandbox", env, flags, start: ["heartbeat"] });
  const heard = await listen(daemon);
  await heard("agent.started", () => true);
  const failed = heard("agent.failed", () => true);
  let begun = 0;
  for (let i = 0; i < 3; i++) {
    const agent = await until("it runs", async () => {
      const one = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
      return one.state === "running" && one.epoch === i + 1 ? one : undefined;
    });
    begun = performance.now();
    process.kill(agent.pid ?? 0, "SIGKILL");
  }
  return round((await failed) - begun);
}

/** When the first event of a type that matches came, as the bridge's own clock would have it for a local listener. */
async function listen({ client }: TestDaemon) {
  const seen: { at: number; type: string; data: Record<string, unknown> }[] = [];
  const subscription = client.subscribe({ channels: [">"], cursor: 0 });
  await subscription.ready;
  const reading = async () => {
    for await (const { type, data } of subscription) seen.push({ at: performance.now(), type, data });
  };
  // It ends with the client's close.
  reading().catch(() => undefined);
  return async (type: string, matches: (data: Record<string, unknown>) => boolean): Promise<number> => {
    const found = await until(type, () => seen.find((event) => event.type === type && matches(event.data)), 30_000);
    return found.at;
  };
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
