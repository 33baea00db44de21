// `npm run nightly -- chaos [--minutes N] [--seed N] [--json]`: kills and freezes the bridge and its agents, fills its disk and moves
// its clock at random, beside publishers, exactly-once readers and creators of tasks. At the end what was acknowledged is compared
// with what is there: nothing may be lost, doubled, or shown without being in the log. Full disks need a file system of its own (root).
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type BridgeClient, BridgeError, connect, createClient } from "@armorclaw/client-sdk";
import type { EventEnvelope } from "@armorclaw/protocol";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { probeEnvironment, stepClock } from "../support/machine/probe.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: "11" },
    json: { type: "boolean", default: false },
  },
});
const agentCount = 4;
const parties = 3;
const reconnect = { initialMs: 20, maxMs: 200 };
/** The agents' image takes 127 MiB of it. */
const diskMib = 420;

/** The same seed gives the same acts in the same order. */
let state = Number(flags.seed);
const random = (): number => {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return state / 2_147_483_648;
};
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

interface Sent {
  readonly party: number;
  readonly n: number;
}
const keyOf = ({ party, n }: Sent): string => `${party}:${n}`;

/** Publishes numbered events and creates numbered tasks, and remembers what was acknowledged. */
class Publisher {
  /** The `seq` of each acknowledged event. */
  readonly acknowledged = new Map<string, number>();
  readonly refused = new Map<string, number>();
  readonly tasks = new Map<number, number>();
  unanswered = 0;
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(client: BridgeClient, party: number) {
    this.#done = this.#run(client, party);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(client: BridgeClient, party: number): Promise<void> {
    for (let n = 1; !this.#isStopped; n++) {
      await this.#try(async () => {
        const { seq } = await client.event.publish({
          channel: `chaos.c${party}`,
          type: "chaos.item",
          data: { party, n },
        });
        this.acknowledged.set(keyOf({ party, n }), seq);
      });
      if (n % 20 === 0)
        await this.#try(async () => {
          const params = { title: `chaos ${n}`, agent_id: `heartbeat-${1 + (n % agentCount)}`, payload: { party, n } };
          this.tasks.set((await client.task.create(params)).task.task_id, n);
        });
      await sleep(4);
    }
  }

  async #try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (error instanceof BridgeError) this.refused.set(error.code, (this.refused.get(error.code) ?? 0) + 1);
      else this.unanswered += 1;
      await sleep(20);
    }
  }
}

/** Acts on each event once, by its `seq`, as a consumer does that keeps its position with its effects. */
class Reader {
  readonly effects = new Map<string, number[]>();
  redelivered = 0;
  gaps = 0;
  #last = 0;
  readonly #client: BridgeClient;
  readonly #done: Promise<void>;

  constructor(socketPath: string, name: string) {
    this.#client = createClient({ socketPath, reconnect });
    this.#done = this.#run(name);
  }

  async stop(): Promise<void> {
    await this.#client.close();
    await this.#done;
  }

  async #run(name: string): Promise<void> {
    const params = { channels: ["chaos.>"], name, cursor: 0, ack_deadline_ms: 3_000, attempts_max: 1_000 };
    const subscription = this.#client.subscribe(params, {
      onGap: () => {
        this.gaps += 1;
      },
    });
    try {
      for await (const event of subscription) {
        this.#take(event);
        if (event.seq % 7 === 0) await subscription.ack(event).catch(() => undefined);
      }
    } catch {
      // The client was closed.
    }
  }

  #take({ seq, data }: EventEnvelope): void {
    if (seq <= this.#last) {
      this.redelivered += 1;
      return;
    }
    this.#last = seq;
    const key = keyOf(data as unknown as Sent);
    this.effects.set(key, [...(this.effects.get(key) ?? []), seq]);
  }
}

/** A file system of its own, so that it can be full; undefined where this user may not mount one. */
function mountDisk(path: string): Disposable | undefined {
  const options = ["-t", "tmpfs", "-o", `size=${diskMib}m`, "tmpfs", path];
  if (spawnSync("mount", options).status !== 0) return undefined;
  return { [Symbol.dispose]: () => void spawnSync("umount", ["-l", path]) };
}

/** Writes until not a byte more fits. */
function fill(path: string): void {
  for (const [name, size] of [
    ["large", 65_536],
    ["small", 512],
  ] as const) {
    const fd = openSync(join(path, `filler-${name}`), "w");
    try {
      for (const bytes = Buffer.alloc(size, "f"); ; ) writeSync(fd, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(fd);
    }
  }
}

function empty(path: string): void {
  for (const name of ["large", "small"]) rmSync(join(path, `filler-${name}`), { force: true });
}

/** The processes in the containers of this install, by their cgroup. */
function containerProcesses(installId: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [, container = undefined] =
          new RegExp(`${installId}.*?/([a-z-]+-\\d+\\.\\d+)`).exec(readFileSync(`/proc/${pid}/cgroup`, "utf8")) ?? [];
        return container ?? [];
      } catch {
        return [];
      }
    });
}

class World {
  readonly acts = new Map<string, number>();
  readonly startFailures: string[] = [];
  readonly disk: string | undefined;
  readonly directories: { readonly runtime: string; readonly state: string };
  readonly probe: string;
  daemon: TestDaemon;
  #clockMs = 0;

  constructor(daemon: TestDaemon, probe: string, disk: string | undefined) {
    this.daemon = daemon;
    this.directories = daemon.directories;
    this.probe = probe;
    this.disk = disk;
  }

  async act(): Promise<void> {
    const all = [
      "kill",
      "kill",
      "kill",
      "storm",
      "stop in order",
      "kill agent",
      "freeze agent",
      "freeze bridge",
      "step clock",
    ];
    const act = pick(this.disk === undefined ? all : [...all, "fill disk", "fill disk and kill"]);
    this.acts.set(act, (this.acts.get(act) ?? 0) + 1);
    process.stderr.write(`${act}\n`);
    if (act === "kill") await this.#kill(pick([0, 100, 2_000]));
    else if (act === "storm") for (let kills = 0; kills < 5; kills++) await this.#kill(0);
    else if (act === "stop in order") {
      await this.daemon.end("SIGTERM");
      await this.#start();
    } else if (act === "kill agent") this.#signal(await this.#agentPid(), "SIGKILL");
    else if (act === "freeze agent") await this.#freeze(await this.#agentPid(), pick([1_000, 4_000, 14_000]));
    else if (act === "freeze bridge") await this.#freeze(this.daemon.pid, pick([1_000, 3_000, 12_000]));
    else if (act === "step clock") {
      this.#clockMs = pick([-3_600_000, -60_000, 0, 60_000, 3_600_000]);
      await stepClock(this.probe, this.#clockMs);
    } else await this.#fillDisk(act);
  }

  async #fillDisk(act: string): Promise<void> {
    const { disk } = this;
    if (disk === undefined) return;
    fill(disk);
    try {
      await sleep(500 + random() * 4_000);
      if (act === "fill disk and kill") await this.#kill(200);
    } finally {
      empty(disk);
    }
  }

  async #kill(downMs: number): Promise<void> {
    await this.daemon.end("SIGKILL");
    await sleep(downMs);
    await this.#start();
  }

  async #start(): Promise<void> {
    const { directories, probe } = this;
    for (let tries = 1; ; tries++) {
      try {
        this.daemon = await startTestDaemon({ ...optionsOf(probe), directories });
        return;
      } catch (error) {
        this.startFailures.push(String(error).slice(-300));
        if (tries === 20) throw error;
        if (this.disk !== undefined) empty(this.disk);
        await sleep(300);
      }
    }
  }

  async #agentPid(): Promise<number | null> {
    const { agents } = await this.daemon.client.agent.list({});
    return pick(agents).pid;
  }

  #signal(pid: number | null, signal: NodeJS.Signals): void {
    try {
      if (pid !== null) process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  async #freeze(pid: number | null, ms: number): Promise<void> {
    this.#signal(pid, "SIGSTOP");
    await sleep(ms);
    this.#signal(pid, "SIGCONT");
  }
}

const optionsOf = (probe: string) => ({
  engine: "sandbox" as const,
  env: probeEnvironment(probe),
  start: Array.from({ length: agentCount }, () => "heartbeat"),
  flags: [
    "restart.failures_max=1000",
    "restart.initial_ms=50",
    "restart.max_ms=1000",
    "events.retention_bytes=80000000",
  ].flatMap((setting) => ["--set", setting]),
});

/** The `seq` of each stored event, and what is stored twice. */
async function storedEvents(client: BridgeClient) {
  const stored = new Map<string, number>();
  let twice = 0;
  for (let cursor = 0, hasMore = true; hasMore; ) {
    const page = await client.event.history({ channels: ["chaos.>"], cursor, limit: 1_000 });
    for (const { seq, data } of page.events) {
      const key = keyOf(data as unknown as Sent);
      if (stored.has(key)) twice += 1;
      stored.set(key, seq);
    }
    ({ cursor, has_more: hasMore } = page);
  }
  return { stored, twice };
}

async function missingTasks(client: BridgeClient, publishers: readonly Publisher[]): Promise<number> {
  const found = new Set<number>();
  for (let cursor = 0; ; ) {
    const page = await client.task.list({ cursor, limit: 1_000 });
    for (const { task_id } of page.tasks) found.add(task_id);
    if (page.tasks.length === 0) break;
    ({ cursor } = page);
  }
  return publishers.flatMap(({ tasks }) => [...tasks.keys()]).filter((id) => !found.has(id)).length;
}

async function judge(world: World, publishers: readonly Publisher[], readers: readonly Reader[]) {
  const { client } = world.daemon;
  const { stored, twice } = await storedEvents(client);
  const acknowledged = publishers.flatMap((publisher) => [...publisher.acknowledged]);
  const seen = readers.flatMap(({ effects }) => [...effects]);
  const { agents } = await client.agent.list({});
  const audit = await client.audit.verify({});
  return {
    acknowledged: acknowledged.length,
    stored: stored.size,
    lost: acknowledged.filter(([key, seq]) => stored.get(key) !== seq).length,
    stored_twice: twice,
    phantom: seen.filter(([key, seqs]) => seqs.some((seq) => stored.get(key) !== seq)).length,
    taken_twice: seen.filter(([, seqs]) => seqs.length > 1).length,
    not_delivered: readers.reduce(
      (sum, { effects }) => sum + acknowledged.filter(([key]) => !effects.has(key)).length,
      0,
    ),
    gaps: readers.reduce((sum, reader) => sum + reader.gaps, 0),
    tasks: publishers.reduce((sum, { tasks }) => sum + tasks.size, 0),
    tasks_lost: await missingTasks(client, publishers),
    audit_wrong: audit.ok ? 0 : 1,
    agents_away: agents.filter(({ state }) => state !== "running").length,
  };
}

using temp = tempDirectory();
using probe = tempDirectory();
using disk = mountDisk(temp.path);
const directories = { runtime: join(probe.path, "r"), state: join(temp.path, "s") };
const first = await startTestDaemon({ ...optionsOf(probe.path), directories });
const world = new World(first, probe.path, disk === undefined ? undefined : temp.path);
const installId = readFileSync(join(directories.state, "install-id"), "utf8").trim();
const clients = Array.from({ length: parties }, () => createClient({ socketPath: first.socket, reconnect }));
const publishers = clients.map((client, party) => new Publisher(client, party));
const readers = clients.map((_, index) => new Reader(first.socket, `chaos-${index}`));
const end = performance.now() + Number(flags.minutes) * 60_000;
while (performance.now() < end) {
  await sleep(1_000 + random() * 4_000);
  await world.act();
}
for (const publisher of publishers) await publisher.stop();
const control = await connect({ socketPath: first.socket, reconnect: false });
const counts = await until(
  "every reader has what was acknowledged, and every agent runs",
  async () => {
    const found = await judge(world, publishers, readers);
    return found.not_delivered === 0 && found.agents_away === 0 ? found : undefined;
  },
  60_000,
).catch(() => judge(world, publishers, readers));
await control.close();
for (const stopped of [...readers, ...clients]) await ("stop" in stopped ? stopped.stop() : stopped.close());
const ids = containerProcesses(installId);
const doubled = new Set(ids.map((id) => id.replace(/\.\d+$/, ""))).size < new Set(ids).size ? 1 : 0;
await world.daemon.end("SIGTERM");
const left = containerProcesses(installId).length;
const redelivered = readers.reduce((sum, reader) => sum + reader.redelivered, 0);
const unanswered = publishers.reduce((sum, publisher) => sum + publisher.unanswered, 0);
const refused = Object.fromEntries(publishers.flatMap((publisher) => [...publisher.refused]));
const faults = [
  "lost",
  "stored_twice",
  "phantom",
  "taken_twice",
  "not_delivered",
  "gaps",
  "tasks_lost",
  "audit_wrong",
  "agents_away",
] as const;
const wrong = [
  ...faults.filter((fault) => counts[fault] > 0),
  ...(doubled > 0 ? ["an agent runs twice"] : []),
  ...(left > 0 ? ["processes are left after the stop"] : []),
];
const report = {
  minutes: flags.minutes,
  seed: flags.seed,
  disk: disk === undefined ? "not filled: no file system could be mounted" : `${diskMib} MiB`,
  acts: Object.fromEntries(world.acts),
  ...counts,
  doubled,
  left,
  redelivered,
  unanswered,
  refused,
  start_failures: world.startFailures,
  wrong,
};
process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : `${inWords()}\n`);
if (wrong.length > 0) process.exitCode = 1;

function inWords(): string {
  const lines = Object.entries(report).map(([name, value]) => {
    return `  ${name.padEnd(16)} ${typeof value === "object" ? JSON.stringify(value) : value}`;
  });
  return [wrong.length === 0 ? "0 lost, 0 phantom, 0 doubled" : `WRONG: ${wrong.join(", ")}`, ...lines].join("\n");
}
