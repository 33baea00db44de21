// `npm run nightly -- soak [--minutes N] [--agents N] [--json]`: everything at once for half an hour, with memory after a forced
// collection, descriptors and threads once a minute. What grows without end shows as a slope.
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { connect as connectSocket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type BridgeClient, connect } from "@armorclaw/client-sdk";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { memoryOf, probeEnvironment } from "../support/machine/probe.ts";
import { tempDirectory } from "../support/temp.ts";

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    agents: { type: "string", default: "10" },
    json: { type: "boolean", default: false },
  },
});
const minutes = Number(flags.minutes);
const agents = Number(flags.agents);
const mib = 1024 * 1024;
/** The first part of the run fills what is bounded: logs in memory, samples of usage, caches. */
const warmUp = 0.4;
/** Growth of less than this in the rest of the run is noise of the collector and of the allocator. */
const floors = { heapMib: 4, externalMib: 4, rssMib: 40, descriptors: 15, threads: 3 };

interface Sample {
  readonly minute: number;
  readonly rssMib: number;
  readonly heapMib: number;
  readonly externalMib: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly pingMs: number;
}

/** Counts what was done, and the errors by their codes. */
class Work {
  readonly done = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #tasks: Promise<void>[] = [];

  /** Does it again and again, with a pause of `everyMs` in the middle. A refusal is counted and no end. */
  repeat(name: string, everyMs: number, act: () => Promise<unknown>): void {
    const run = async () => {
      while (!this.#stop.signal.aborted) {
        try {
          await act();
          this.#count(name);
        } catch (error) {
          this.#count(`${name} ${(error as { code?: string }).code ?? (error as Error).name}`);
        }
        await sleep(everyMs * (0.5 + Math.random()), undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    };
    this.#tasks.push(run());
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#tasks);
  }

  #count(name: string): void {
    this.done.set(name, (this.done.get(name) ?? 0) + 1);
  }
}

const pick = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)] as T;

function load(work: Work, daemon: TestDaemon, client: BridgeClient, ids: readonly string[]): void {
  const { socket } = daemon;
  let published = 0;
  work.repeat("publish", 6, () => {
    published += 1;
    return client.event.publish({
      channel: `soak.c${published % 20}`,
      type: "soak.item",
      data: { published, text: "y".repeat(Math.floor(Math.random() * 800)) },
      volatile: published % 5 === 0,
      priority: pick(["low", "normal", "high", "critical"] as const),
    });
  });
  const tasks: number[] = [];
  work.repeat("task", 300, async () => {
    const { task } = await client.task.create({ title: "soak", agent_id: pick(ids), payload: { a: 1 } });
    tasks.push(task.task_id);
    const [oldest] = tasks;
    if (tasks.length <= 100 || oldest === undefined) return;
    tasks.shift();
    await client.task.delete({ task_id: oldest });
  });
  work.repeat("subscribe", 150, () => subscribe(socket));
  work.repeat("logs", 500, () => followLogs(socket, pick(ids)));
  work.repeat("history", 250, () =>
    client.event.history({ channels: [`soak.c${published % 20}`], newest: true, limit: 20 }),
  );
  work.repeat("restart", 4_000, async () => {
    const agentId = pick(ids);
    if (Math.random() < 0.5) return await client.agent.restart({ agent_id: agentId });
    const { agents } = await client.agent.list({});
    const pid = agents.find(({ agent_id }) => agent_id === agentId)?.pid;
    if (pid !== null && pid !== undefined) process.kill(pid, "SIGKILL");
    return pid;
  });
  work.repeat("bad line", 80, () => sendBadLine(socket));
  work.repeat("http", 150, () => askHttp(socket, pick(["/health", "/metrics", "/nothing"])));
  work.repeat("backup", 120_000, () =>
    client.backup.create({ path: `${daemon.directories.state}/soak-${Date.now()}.backup` }),
  );
}

/** Half of the subscriptions end with their connection, without a word. */
async function subscribe(socketPath: string): Promise<void> {
  const client = await connect({ socketPath, reconnect: false });
  try {
    const kind = pick(["live", "named", "old", "filtered"] as const);
    const subscription = client.subscribe({
      channels: pick([["soak.>"], ["agent.>", "task.>"]]),
      ...(kind === "named" ? { name: `n${Math.floor(Math.random() * 20)}` } : {}),
      ...(kind === "old" ? { cursor: 0 } : {}),
      ...(kind === "filtered" ? { filter: { types: ["soak.item"], data: { published: 5 } } } : {}),
    });
    await subscription.ready;
    const end = sleep(Math.random() * 500).then(() => undefined);
    const events = subscription[Symbol.asyncIterator]();
    for (let taken = 0; taken < 500; taken++) {
      const next = await Promise.race([events.next(), end]);
      if (next === undefined || next.done === true) break;
      if (kind === "named" && taken % 10 === 0) await subscription.ack(next.value);
    }
    if (Math.random() < 0.5) await subscription[Symbol.asyncDispose]();
  } finally {
    await client.close();
  }
}

async function followLogs(socketPath: string, agentId: string): Promise<void> {
  const client = await connect({ socketPath, reconnect: false });
  const ending = new AbortController();
  setTimeout(() => ending.abort(), 300);
  try {
    for await (const _ of client.stream(
      "agent.logs",
      { agent_id: agentId, follow: true, tail: 5 },
      { signal: ending.signal },
    ));
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    await client.close();
  }
}

const badLines = [
  "{nonsense\n",
  '{"jsonrpc":"2.0","id":1,"method":"no.such"}\n',
  '{"jsonrpc":"2.0","id":1,"method":"event.publish","params":{"channel":5}}\n',
  "[]\n",
  `[${Array.from({ length: 50 }, (_, id) => `{"jsonrpc":"2.0","id":${id},"method":"rpc.ping"}`).join(",")}]\n`,
  '{"jsonrpc":"2.0","id":1,"method":"bridge.sta',
];

async function sendBadLine(path: string): Promise<void> {
  const socket = connectSocket(path);
  socket.on("error", () => undefined);
  socket.write(pick(badLines));
  await sleep(30);
  socket.destroy();
}

const askHttp = (socketPath: string, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, agent: false }, (response) => {
      response.resume().on("end", () => resolve());
    });
    sent.on("error", reject).end();
  });

async function sample(daemon: TestDaemon, probe: string, minute: number): Promise<Sample> {
  const begun = performance.now();
  await daemon.client.rpc.ping();
  const pingMs = performance.now() - begun;
  const { rss, heapUsed, external } = await memoryOf(probe);
  const threads = /^Threads:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1];
  return {
    minute: Number(minute.toFixed(1)),
    rssMib: Number((rss / mib).toFixed(1)),
    heapMib: Number((heapUsed / mib).toFixed(2)),
    externalMib: Number((external / mib).toFixed(2)),
    descriptors: readdirSync(`/proc/${daemon.pid}/fd`).length,
    threads: Number(threads ?? 0),
    pingMs: Number(pingMs.toFixed(2)),
  };
}

type Figure = keyof typeof floors;

/** How much the middle of the run's last quarter lies above the middle of the quarter after its warm-up. */
function growth(samples: readonly Sample[], figure: Figure): number {
  const warm = samples.slice(Math.floor(samples.length * warmUp));
  const part = Math.max(1, Math.floor(warm.length / 3));
  const middle = (some: readonly Sample[]) =>
    some.map((one) => one[figure]).sort((a, b) => a - b)[Math.floor(some.length / 2)] ?? 0;
  return Number((middle(warm.slice(-part)) - middle(warm.slice(0, part))).toFixed(2));
}

using probe = tempDirectory();
await using daemon = await startTestDaemon({
  engine: "sandbox",
  env: probeEnvironment(probe.path),
  flags: [
    "restart.failures_max=1000",
    "restart.initial_ms=50",
    "events.retention_bytes=16000000",
    "events.volatile_bytes=4000000",
  ].flatMap((setting) => ["--set", setting]),
});
const ids: string[] = [];
for (let n = 0; n < agents; n++) ids.push((await daemon.client.agent.start({ agent_type: "heartbeat" })).agent_id);
const client = await connect({ socketPath: daemon.socket, reconnect: false });
const work = new Work();
load(work, daemon, client, ids);
const samples: Sample[] = [];
const begun = performance.now();
const elapsed = () => (performance.now() - begun) / 60_000;
/** At least ten samples, however short the run. */
const everyMs = Math.min(60_000, (minutes * 60_000) / 10);
while (elapsed() < minutes) {
  await sleep(everyMs);
  const one = await sample(daemon, probe.path, elapsed());
  samples.push(one);
  process.stderr.write(`${JSON.stringify(one)}\n`);
}
await work.stop();
await client.close();
const states = (await daemon.client.agent.list({})).agents.map(({ state }) => state);
const running = states.filter((state) => state === "running").length;
const grown = Object.fromEntries((Object.keys(floors) as Figure[]).map((figure) => [figure, growth(samples, figure)]));
const over = (Object.keys(floors) as Figure[]).filter((figure) => (grown[figure] ?? 0) > floors[figure]);
const report = { minutes, agents, running, grown, floors, over, done: Object.fromEntries(work.done), samples };
process.stdout.write(`${flags.json ? JSON.stringify(report) : inWords()}\n`);
if (over.length > 0) process.exitCode = 1;

function inWords(): string {
  const counts = [...work.done].sort().map(([name, count]) => `${name} ${count}`);
  return [
    over.length === 0 ? "nothing grows" : `grows: ${over.join(", ")}`,
    ...(Object.keys(floors) as Figure[]).map(
      (figure) => `  ${figure.padEnd(12)} ${grown[figure]} after the warm-up (noise: ${floors[figure]})`,
    ),
    `  agents       ${running} of ${agents} run`,
    `  done         ${counts.join(", ")}`,
  ].join("\n");
}
