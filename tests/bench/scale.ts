// `npm run bench -- scale [--rows N] [--agents N] [--clients N] [--json]`: every method that reads, on a store of 1,000 rows of each kind
// and on one of N (a million by default). For each it prints the time of a call and the longest time that the bridge's loop was held
// meanwhile, in both stores, and the slope between them: 0 is a cost that does not depend on the size, 1 one that is linear in it.
import { once } from "node:events";
import { connect as connectSocket, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { type AnyMethod, methods } from "@armorclaw/protocol";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { probeEnvironment, stallOf } from "../support/machine/probe.ts";
import { seedStore } from "../support/machine/seeded-store.ts";
import { tempDirectory } from "../support/temp.ts";

const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    agents: { type: "string", default: "20" },
    clients: { type: "string", default: "2000" },
    json: { type: "boolean", default: false },
  },
});
const smallRows = 1_000;
const rows = Number(flags.rows);
const agents = Number(flags.agents);
const clients = Number(flags.clients);
const repeats = 5;
const streamedMax = 2_000;
const heldMsMax = 50;

interface Figures {
  /** The middle of the calls. */
  readonly callMs: number;
  /** The longest time that the loop was held during them. */
  readonly heldMs: number;
  readonly error: string | undefined;
}

interface Call {
  readonly name: string;
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/** Every method that reads, with its example's params, and the params whose cost grows. */
function calls(): Call[] {
  const all: [string, AnyMethod][] = Object.entries(methods);
  const reads = all
    .filter(([, { effect }]) => effect === "read")
    .map(([method, { example }]) => ({ name: method, method, params: example.params as Record<string, unknown> }));
  const also: [string, string, Record<string, unknown>][] = [
    ["event.history (1 event)", "event.history", { limit: 1 }],
    ["event.history (1,000)", "event.history", { limit: 1_000 }],
    ["event.history (newest, rare)", "event.history", { channels: ["bench.rare"], newest: true }],
    ["event.history (rare, from 0)", "event.history", { channels: ["bench.rare"], limit: 1_000 }],
    ["event.history (source of none)", "event.history", { filter: { source: "user:9" }, newest: true }],
    ["audit.tail (1,000)", "audit.tail", { limit: 1_000 }],
    ["task.list (dead)", "task.list", { state: "dead" }],
    ["task.list (of none)", "task.list", { agent_id: "nobody-1" }],
    ["budget.report (by task)", "budget.report", { by: ["task"] }],
    ["budget.report (agent, model, day)", "budget.report", {}],
    ["budget.report (wide)", "budget.report", { by: ["agent", "loop", "model", "provider", "hour"], limit: 10_000 }],
  ];
  return [...reads, ...also.map(([name, method, params]) => ({ name, method, params }))];
}

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));

async function measure(daemon: TestDaemon, probe: string, act: () => Promise<unknown>): Promise<Figures> {
  await stallOf(probe);
  const times: number[] = [];
  let failure: string | undefined;
  for (let n = 0; n < repeats; n++) {
    const begun = performance.now();
    try {
      await act();
    } catch (error) {
      failure = (error as { code?: string }).code ?? String(error);
    }
    times.push(performance.now() - begun);
  }
  await daemon.client.rpc.ping();
  return { callMs: rounded(middle(times), 2), heldMs: rounded(await stallOf(probe)), error: failure };
}

/** The client by names that are not known when this is compiled. */
interface AnyClient {
  call(method: string, params: unknown, options: { signal: AbortSignal }): Promise<unknown>;
  stream(method: string, params: unknown, options: { signal: AbortSignal }): AsyncIterable<unknown>;
}

async function call(daemon: TestDaemon, { method, params }: Call): Promise<unknown> {
  const spec = (methods as Record<string, AnyMethod>)[method];
  const client = daemon.client as unknown as AnyClient;
  const options = { signal: AbortSignal.timeout(30_000) };
  if (spec?.stream === undefined) return await client.call(method, params, options);
  let items = 0;
  for await (const _ of client.stream(method, params, options)) {
    items += 1;
    // What follows for ever is left after its first items.
    if (items >= streamedMax) break;
  }
  return items;
}

/** Clients that only listen, each with a subscription of its own. */
async function connectClients(path: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let n = 0; n < clients; n++) {
    const socket = connectSocket(path);
    await once(socket, "connect");
    const params = { channels: ["bench.shared", `bench.own${n}`] };
    socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "event.subscribe", params })}\n`);
    await once(socket, "data");
    socket.resume();
    sockets.push(socket);
  }
  return sockets;
}

async function withStore(size: number): Promise<Map<string, Figures>> {
  using probe = tempDirectory();
  using state = tempDirectory();
  const directories = { runtime: `${probe.path}/r`, state: `${state.path}/s` };
  const settings = ["events.retention_bytes=4000000000", "agents.max=600", "rpc.connections_max=25000"];
  const options = {
    engine: "sandbox" as const,
    env: probeEnvironment(probe.path),
    directories,
    flags: settings.flatMap((setting) => ["--set", setting]),
  };
  await (await startTestDaemon(options)).end("SIGTERM");
  process.stderr.write(`${size} rows of each kind are written\n`);
  await seedStore(directories.state, size);
  const begun = performance.now();
  await using daemon = await startTestDaemon(options);
  const figures = new Map<string, Figures>();
  const startMs = rounded(performance.now() - begun);
  await daemon.client.budget.set({ scope: "agent:*", window: "day", unit: "calls", soft: 1_000_000 });
  process.stderr.write("agents start\n");
  for (let n = 0; n < agents; n++) await daemon.client.agent.start({ agent_type: "heartbeat" });
  for (const one of calls()) figures.set(one.name, await measure(daemon, probe.path, () => call(daemon, one)));
  let backups = 0;
  const backUp = () => daemon.client.backup.create({ path: `${state.path}/${backups++}.backup` });
  figures.set("backup.create", await measure(daemon, probe.path, backUp));
  const sockets = await connectClients(daemon.socket);
  const publish = (channel: string) => () => daemon.client.event.publish({ channel, type: "bench.made", data: {} });
  figures.set(`event.publish (1 of ${clients} wants it)`, await measure(daemon, probe.path, publish("bench.own7")));
  figures.set(`event.publish (all ${clients} want it)`, await measure(daemon, probe.path, publish("bench.shared")));
  for (const socket of sockets) socket.destroy();
  figures.set("start to the first answer", { callMs: startMs, heldMs: 0, error: undefined });
  return figures;
}

const small = await withStore(smallRows);
const large = await withStore(rows);
const ratio = Math.log(rows / smallRows);
const report = [...large].map(([name, { callMs, heldMs, error }]) => {
  const before = small.get(name) ?? { callMs: 0, heldMs: 0 };
  const slope = rounded(Math.log(Math.max(callMs, 0.5) / Math.max(before.callMs, 0.5)) / ratio, 2);
  return {
    name,
    small_ms: before.callMs,
    large_ms: callMs,
    slope,
    small_held_ms: before.heldMs,
    large_held_ms: heldMs,
    ...(error === undefined ? {} : { error }),
  };
});
const held = report.filter(({ large_held_ms }) => large_held_ms > heldMsMax).map(({ name }) => name);
process.stdout.write(flags.json ? `${JSON.stringify({ rows, agents, clients, report, held })}\n` : `${inWords()}\n`);

function inWords(): string {
  const line = (cells: readonly (string | number)[]) =>
    cells.map((cell, index) => (index === 0 ? String(cell).padEnd(40) : String(cell).padStart(11))).join("");
  return [
    `${smallRows} and ${rows} rows of each kind, ${agents} agents, ${clients} clients; milliseconds`,
    line(["", "call", "call large", "slope", "held", "held large", ""]),
    ...report.map((row) =>
      line([row.name, row.small_ms, row.large_ms, row.slope, row.small_held_ms, row.large_held_ms, row.error ?? ""]),
    ),
    held.length === 0
      ? `the loop was never held longer than ${heldMsMax} ms`
      : `held longer than ${heldMsMax} ms: ${held.join(", ")}`,
  ].join("\n");
}
