// `npm run bench -- events [--json]`: events through the real daemon on its socket, from one process, so that one clock measures
// publish → subscriber. Fan-out is set beside a bare server that writes the same events as JSON to each subscriber.
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect as connectSocket, createServer, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { type BridgeClient, connect } from "@armorclaw/client-sdk";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { tempDirectory } from "../support/temp.ts";

const { values: flags } = parseArgs({
  options: { json: { type: "boolean", default: false }, baseline: { type: "string" } },
});
const data = { text: "x".repeat(200) };
const sequential = 2_000;
const subscribers = 100;
const fanOutEvents = 2_000;
const fanOutSequential = 300;

interface Spread {
  readonly p50_ms: number;
  readonly p99_ms: number;
}

const round = (value: number, digits = 3) => Number(value.toFixed(digits));

function spread(samples: number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** Measures one event at a time, from the call to the subscriber. */
async function latency(daemon: TestDaemon, volatile: boolean): Promise<Spread> {
  await using publisher = await connect({ socketPath: daemon.socket });
  await using reader = await connect({ socketPath: daemon.socket });
  await using subscription = reader.subscribe({ channels: ["bench.latency"] });
  await subscription.ready;
  const events = subscription[Symbol.asyncIterator]();
  const samples: number[] = [];
  for (let n = 0; n < sequential; n++) {
    const begun = performance.now();
    const [, { value }] = await Promise.all([
      publisher.event.publish({ channel: "bench.latency", type: "bench.made", data: { ...data, n }, volatile }),
      events.next().then((next) => {
        samples.push(performance.now() - begun);
        return next;
      }),
    ]);
    if (value?.data["n"] !== n) throw new Error(`event ${n} did not come in its turn`);
  }
  return spread(samples);
}

/** Measures acknowledged events per second, over four connections. */
async function throughput(daemon: TestDaemon, volatile: boolean): Promise<{ events_per_s: number }> {
  const clients = await Promise.all(Array.from({ length: 4 }, () => connect({ socketPath: daemon.socket })));
  const inFlight = 64;
  const each = 5_000;
  const worker = async (client: BridgeClient, count: number) => {
    for (let n = 0; n < count; n++)
      await client.event.publish({ channel: "bench.throughput", type: "bench.made", data, volatile });
  };
  const run = (count: number) =>
    Promise.all(clients.flatMap((client) => Array.from({ length: inFlight }, () => worker(client, count / inFlight))));
  await run(inFlight * 4);
  const begun = performance.now();
  await run(each);
  const events_per_s = Math.round((clients.length * each) / ((performance.now() - begun) / 1_000));
  for (const client of clients) await client.close();
  return { events_per_s };
}

/** A socket that only counts the lines that it receives. */
class Counter {
  readonly socket: Socket;
  lines = 0;
  #waiting: { readonly lines: number; readonly resolve: () => void } | undefined;

  constructor(path: string, greeting: string) {
    this.socket = connectSocket(path);
    this.socket.write(greeting);
    this.socket.on("data", (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) this.lines += 1;
      if (this.#waiting !== undefined && this.lines >= this.#waiting.lines) this.#waiting.resolve();
    });
  }

  reach(lines: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { lines, resolve };
      if (this.lines >= lines) resolve();
    });
  }
}

const subscribeLine = (channel: string) =>
  `{"jsonrpc":"2.0","id":1,"method":"event.subscribe","params":{"channels":["${channel}"]}}\n`;
const publishLine = (id: number, channel: string) =>
  `${JSON.stringify({ jsonrpc: "2.0", id, method: "event.publish", params: { channel, type: "bench.made", data } })}\n`;

/** Measures one event at a time, from the call to each of 100 subscribers, optionally with one more that never reads. */
async function fanOutLatency(path: string, channel: string, mute: boolean): Promise<Spread> {
  const clients = await Promise.all(Array.from({ length: subscribers }, () => connect({ socketPath: path })));
  const silent = mute ? connectSocket(path) : undefined;
  silent?.write(subscribeLine(channel));
  silent?.pause();
  let begun = 0;
  const samples: number[] = [];
  const subscriptions = clients.map((client) => client.subscribe({ channels: [channel] }));
  await Promise.all(subscriptions.map(({ ready }) => ready));
  const readers = subscriptions.map((subscription) => subscription[Symbol.asyncIterator]());
  await using publisher = await connect({ socketPath: path });
  for (let n = 0; n < fanOutSequential; n++) {
    begun = performance.now();
    const arrived = readers.map((reader) => reader.next().then(() => samples.push(performance.now() - begun)));
    await Promise.all([publisher.event.publish({ channel, type: "bench.made", data }), ...arrived]);
  }
  for (const client of clients) await client.close();
  silent?.destroy();
  return spread(samples);
}

interface FanOut {
  readonly deliveries_per_s: number;
  readonly cpu_us_per_delivery: number;
}

/** Measures the delivery of every event to every subscriber, published 100 at a time. */
async function fanOut(path: string, channel: string, cpu: () => number, mute: boolean): Promise<FanOut> {
  const counters = Array.from({ length: subscribers }, () => new Counter(path, subscribeLine(channel)));
  await Promise.all(counters.map((counter) => counter.reach(1)));
  const silent = mute ? connectSocket(path) : undefined;
  silent?.write(subscribeLine(channel));
  silent?.pause();
  const publisher = new Counter(path, "");
  const cpuBefore = cpu();
  const begun = performance.now();
  for (let sent = 0; sent < fanOutEvents; ) {
    const lines = Array.from({ length: 100 }, () => publishLine(++sent, channel));
    publisher.socket.write(lines.join(""));
    await publisher.reach(sent);
    await Promise.all(counters.map((counter) => counter.reach(1 + sent)));
  }
  const seconds = (performance.now() - begun) / 1_000;
  const deliveries = fanOutEvents * subscribers;
  const cpuUs = cpu() - cpuBefore;
  for (const { socket } of [...counters, publisher]) socket.destroy();
  silent?.destroy();
  return { deliveries_per_s: Math.round(deliveries / seconds), cpu_us_per_delivery: round(cpuUs / deliveries, 2) };
}

/** Measures the bare server's time for the same, which is the share of the machine, the sockets and this process. */
async function baselineLatency(path: string): Promise<Spread> {
  const [publisher, reader] = [new Counter(path, ""), new Counter(path, subscribeLine("bench.latency"))];
  await reader.reach(1);
  const samples: number[] = [];
  for (let n = 1; n <= sequential; n++) {
    const begun = performance.now();
    publisher.socket.write(publishLine(n, "bench.latency"));
    await reader.reach(1 + n);
    samples.push(performance.now() - begun);
    await publisher.reach(n);
  }
  publisher.socket.destroy();
  reader.socket.destroy();
  return spread(samples);
}

/** Returns the processor time of another process, in microseconds. */
async function cpuMeter(pid: number): Promise<() => number> {
  const { readFileSync } = await import("node:fs");
  return () => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  };
}

/** The bare server: no limits, no store, no order to keep; each event is encoded for each subscriber. */
function serveBaseline(path: string): void {
  const sockets = new Set<Socket>();
  let seq = 0;
  createServer((socket) => {
    let rest = "";
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const { id, method, params } = JSON.parse(line) as { id: number; method: string; params: object };
        if (method === "event.subscribe") sockets.add(socket);
        else {
          seq += 1;
          const event = {
            id: `b-${seq}`,
            seq,
            source: "user:0",
            time: new Date().toISOString(),
            priority: "normal",
            ...params,
          };
          for (const one of sockets) {
            const push = { jsonrpc: "2.0", method: "event.push", params: { subscription_id: "s1", event } };
            one.write(`${JSON.stringify(push)}\n`);
          }
        }
        socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, result: { id, seq } })}\n`);
      }
    });
  }).listen(path, () => process.send?.("listening"));
}

async function main(): Promise<void> {
  using temp = tempDirectory();
  const path = `${temp.path}/baseline.sock`;
  const child = fork(new URL(import.meta.url), ["--baseline", path], { execArgv: process.execArgv });
  await once(child, "message");
  await using daemon = await startTestDaemon({
    engine: "process",
    flags: ["--set", "allow_unsandboxed=true", "--set", "log_level=warn"],
  });
  const [ours, theirs] = [await cpuMeter(daemon.pid), await cpuMeter(child.pid ?? 0)];
  const results = {
    latency_durable: await latency(daemon, false),
    latency_volatile: await latency(daemon, true),
    latency_baseline: await baselineLatency(path),
    throughput_durable: await throughput(daemon, false),
    throughput_volatile: await throughput(daemon, true),
    latency_100_subscribers: await fanOutLatency(daemon.socket, "bench.each", false),
    latency_100_and_one_mute: await fanOutLatency(daemon.socket, "bench.each_mute", true),
    fan_out_100: await fanOut(daemon.socket, "bench.fan", ours, false),
    fan_out_100_and_one_mute: await fanOut(daemon.socket, "bench.mute", ours, true),
    fan_out_100_baseline: await fanOut(path, "bench.fan", theirs, false),
  };
  child.kill();
  const targets = {
    latency_durable_p99_under_5_ms: results.latency_durable.p99_ms < 5,
    fan_out_at_least_baseline: results.fan_out_100.deliveries_per_s >= results.fan_out_100_baseline.deliveries_per_s,
    mute_at_most_doubles_p99: results.latency_100_and_one_mute.p99_ms <= 2 * results.latency_100_subscribers.p99_ms,
    mute_costs_others_under_half:
      results.fan_out_100_and_one_mute.deliveries_per_s >= results.fan_out_100.deliveries_per_s / 2,
  };
  const machine = { node: process.version, platform: process.platform, arch: process.arch };
  if (flags.json) process.stdout.write(`${JSON.stringify({ machine, results, targets }, null, 2)}\n`);
  else {
    for (const [name, figures] of Object.entries(results))
      process.stdout.write(
        `${name.padEnd(28)} ${Object.entries(figures)
          .map(([key, value]) => `${key} ${value}`)
          .join("  ")}\n`,
      );
    for (const [name, isMet] of Object.entries(targets))
      process.stdout.write(`${isMet ? "met   " : "MISSED"} ${name}\n`);
  }
}

if (flags.baseline === undefined) await main();
else serveBaseline(flags.baseline);
