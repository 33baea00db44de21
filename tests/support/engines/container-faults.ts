import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { startTicks } from "../../../bridge/containers/kernel/proc.ts";
import { startTestDaemon, type TestDaemon } from "../daemon.ts";
import { tempDirectory } from "../temp.ts";
import { until } from "../until.ts";
import { openProbeEngine, probeOptions, startProbe } from "./engine-harness.ts";
import { startKillableDockerd } from "./killable-dockerd.ts";

export interface FaultSizes {
  readonly agentKills: number;
  readonly bridgeKills: number;
  /** Kills of dockerd; only on Docker. */
  readonly engineKills: number;
}

export interface FaultReport {
  readonly engine: string;
  readonly faults: Readonly<Record<string, number>>;
  readonly convergedMs: { readonly p50: number; readonly max: number };
  /** Containers of the install without an agent, after convergence. */
  readonly orphans: number;
  /** Agents with more or less than one container. */
  readonly duplicates: number;
  readonly strangersTouched: number;
  /** Faults that were injected before the previous one was repaired. */
  readonly inRecovery: number;
  /** Kills of the bridge and the engine in a healthy state: none of them may end an agent. */
  readonly outages: number;
  /** The number of these kills over which every agent kept its process. */
  readonly carriedOver: number;
}

type Fault = "agent" | "bridge" | "engine";

const agentCount = 3;
/** The share of faults that are injected before the previous one is repaired. */
const shareInRecovery = 1 / 3;
/** The fault is injected within this time, so that it can meet any step of a start or an end. */
const momentMsMax = 300;
const convergeDeadlineMs = 180_000;
/** Ended containers are removed in the background: on a busy machine long after the agents run again. */
const removalDeadlineMs = 60_000;
/** The interval at which the long run prints its progress. */
const faultsPerWord = 10;

/** One start of an agent. Its pid alone may be reused once it has ended. */
interface Running {
  readonly start: string;
  readonly pid: number;
  readonly born: string | undefined;
}

/** Kills agents, the bridge and the engine at random points, and counts the containers after convergence. */
export async function runContainerFaults(
  engine: "sandbox" | "docker",
  sizes: FaultSizes,
  random: () => number,
  onProgress: (done: number, all: number) => void = () => undefined,
): Promise<FaultReport> {
  using directory = tempDirectory();
  await using dockerd = engine === "docker" ? await startKillableDockerd(join(directory.path, "d")) : undefined;
  const env: Record<string, string> = dockerd === undefined ? {} : { DOCKER_HOST: dockerd.host };
  const options = dockerd === undefined ? {} : { dockerHost: dockerd.host };
  const strangers = await openProbeEngine(
    probeOptions(engine, join(directory.path, "stranger"), { installId: `stranger${process.pid}`, ...options }),
  );
  await using stranger = await startProbe(strangers, join(directory.path, "stranger"));
  const strangerPid = stranger.container.pid ?? 0;
  const strangerBorn = startTicks(strangerPid);
  const start = (directories?: TestDaemon["directories"]) =>
    startTestDaemon({
      engine,
      env,
      start: Array(agentCount).fill("heartbeat"),
      flags: ["--set", "agents.reconcile_ms=500", "--set", "restart.failures_max=1000", "--set", "restart.max_ms=500"],
      ...(directories === undefined ? {} : { directories }),
    });
  let daemon = await start();
  const first = daemon;
  const counts = { orphans: 0, duplicates: 0, strangersTouched: 0, inRecovery: 0, outages: 0, carriedOver: 0 };
  const converged: number[] = [];
  /** Returns which start of an agent it ended. */
  const inject = async (fault: Fault, agents: readonly Running[]): Promise<string | undefined> => {
    await new Promise((resolve) => setTimeout(resolve, random() * momentMsMax));
    if (fault === "agent") return kill(agents[Math.floor(random() * agents.length)]);
    if (fault === "engine") {
      await dockerd?.kill();
      await dockerd?.start();
    }
    if (fault === "bridge") {
      await daemon.end("SIGKILL");
      daemon = await start(first.directories);
    }
    return undefined;
  };
  let survived = 0;
  try {
    await settled(daemon);
    for (let faults = shuffled(sizes, random); faults.length > 0; ) {
      const together = faults.splice(0, random() < shareInRecovery ? 2 : 1);
      const before = await runningOf(daemon);
      const begun = performance.now();
      const killed: (string | undefined)[] = [];
      for (const fault of together) {
        const there = await runningOf(daemon);
        // A new bridge that lists no agent yet is about to find those of the previous one.
        killed.push(await inject(fault, there.length > 0 ? there : before));
      }
      const isSeen = async () => !(await runningOf(daemon)).some((one) => killed.includes(one.start));
      await until("ends are seen", isSeen, convergeDeadlineMs);
      await settled(daemon);
      converged.push(performance.now() - begun);
      const after = await runningOf(daemon);
      const isOutage = !together.includes("agent");
      if (Math.floor(survived / faultsPerWord) < Math.floor((survived + together.length) / faultsPerWord))
        onProgress(survived + together.length, survived + together.length + faults.length);
      survived += together.length;
      counts.inRecovery += together.length - 1;
      counts.outages += isOutage ? together.length : 0;
      counts.carriedOver += isOutage && namesOf(before) === namesOf(after) ? together.length : 0;
      const there = await containersOf(engine, daemon, dockerd?.host);
      counts.orphans += Math.max(0, there - agentCount);
      counts.duplicates += new Set(after.map(({ pid }) => pid)).size === agentCount ? 0 : 1;
      counts.strangersTouched += startTicks(strangerPid) === strangerBorn ? 0 : 1;
    }
  } catch (error) {
    throw new Error(`Not settled after fault ${survived + 1}`, { cause: error });
  } finally {
    await daemon.end("SIGTERM");
    await daemon[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await strangers.close();
  }
  const sorted = converged.toSorted((a, b) => a - b).map(Math.round);
  return {
    engine,
    faults: { agent: sizes.agentKills, bridge: sizes.bridgeKills, engine: sizes.engineKills },
    convergedMs: { p50: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 },
    ...counts,
  };
}

async function runningOf({ client }: TestDaemon): Promise<Running[]> {
  const { agents } = await client.agent.list({ all: false });
  return agents.flatMap(({ agent_id, epoch, pid }) =>
    pid === null ? [] : [{ start: `${agent_id}.${epoch}`, pid, born: startTicks(pid) }],
  );
}

const namesOf = (running: readonly Running[]): string =>
  running
    .map(({ start, pid }) => `${start} ${pid}`)
    .sort()
    .join();

/** An agent that the previous fault has ended is missing. */
function kill(agent: Running | undefined): string | undefined {
  if (agent !== undefined && agent.born !== undefined && startTicks(agent.pid) === agent.born) signal(agent.pid);
  return agent?.start;
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function settled(daemon: TestDaemon): Promise<void> {
  await until(
    "all agents run and the engine answers",
    async () => {
      const status = await daemon.client.bridge.status();
      const { agents } = await daemon.client.agent.list({ all: false });
      const alive = agents.every(({ pid }) => pid !== null && existsSync(`/proc/${pid}`));
      return status.engine_reachable && status.agents.running === agentCount && alive;
    },
    convergeDeadlineMs,
  );
}

/** Returns the engine's containers of this install. They settle a moment after the agents, because ended ones are still being removed. */
async function containersOf(engine: string, daemon: TestDaemon, host: string | undefined): Promise<number> {
  const { install_id } = await daemon.client.bridge.status();
  const count = () => {
    if (engine === "docker")
      return execFileSync("docker", ["-H", host ?? "", "ps", "-aq", "--filter", `label=ac.install=${install_id}`], {
        encoding: "utf8",
      })
        .split("\n")
        .filter(Boolean).length;
    const directory = [`/sys/fs/cgroup/pids`, "/sys/fs/cgroup"].map((root) => join(root, `armorclaw-${install_id}`));
    const tree = directory.find((path) => existsSync(path));
    return tree === undefined
      ? 0
      : readdirSync(tree, { withFileTypes: true }).filter((one) => one.isDirectory()).length;
  };
  let seen: number | undefined;
  const isClean = () => {
    seen = undefined;
    seen = count();
    return seen === agentCount;
  };
  await until("nothing but the agents is there", isClean, removalDeadlineMs).catch((error: unknown) => {
    // An engine that did not answer shows nothing about orphans.
    if (seen === undefined) throw error;
  });
  return seen ?? agentCount;
}

function shuffled({ agentKills, bridgeKills, engineKills }: FaultSizes, random: () => number): Fault[] {
  const all: Fault[] = [
    ...Array<Fault>(agentKills).fill("agent"),
    ...Array<Fault>(bridgeKills).fill("bridge"),
    ...Array<Fault>(engineKills).fill("engine"),
  ];
  return all
    .map((fault) => ({ fault, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ fault }) => fault);
}
