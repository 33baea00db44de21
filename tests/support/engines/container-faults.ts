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
  /** Only on Docker. */
  readonly engineKills: number;
}

export interface FaultReport {
  readonly engine: string;
  readonly faults: Readonly<Record<string, number>>;
  readonly convergedMs: { readonly p50: number; readonly max: number };
  /** Containers of the install beyond its agents, after convergence. */
  readonly orphans: number;
  /** Agents with more or less than one container. */
  readonly duplicates: number;
  readonly strangersTouched: number;
  /** Faults that came while what the one before had done was still being mended. */
  readonly inRecovery: number;
  /** Kills of the bridge and the engine while all was well: none of them is to end an agent. */
  readonly outages: number;
  /** Of these, those over which every agent went on with its process. */
  readonly carriedOver: number;
}

type Fault = "agent" | "bridge" | "engine";

const agentCount = 3;
/** How many of the faults come before the one before is mended. */
const shareInRecovery = 1 / 3;
/** Within this time after what it waits for, so that it meets any step of a start or an end. */
const momentMsMax = 300;
const convergeDeadlineMs = 180_000;
/** What has ended is removed behind the agents' backs: on a busy machine long after they run again. */
const removalDeadlineMs = 60_000;
/** So often the long run tells how far it is. */
const faultsPerWord = 10;

/** One start of an agent. Its pid alone may go to a stranger's process once it has ended. */
interface Running {
  readonly start: string;
  readonly pid: number;
  readonly born: string | undefined;
}

/** Kills agents, the bridge and the engine at random points, and looks at what is there once it has settled. */
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
  /** Answers which start of an agent it ended. */
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
        // A new bridge that knows of no agent yet is about to find those of the one before.
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

/** One that the fault before has ended is not there any more. */
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

/** What the engine itself has of this install. It settles a moment after the agents: what has ended is still being removed. */
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
    // An engine that could not be asked is no word about orphans.
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
