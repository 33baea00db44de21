// Measures the broker's overhead: calls to a provider directly, through an agent's model endpoint, through `llm.chat`, and through
// Portkey's gateway. The provider, the broker and the gateway run in a process each.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { canaryKey } from "../support/budget/broker.ts";
import { RawClient, type Timed } from "../support/budget/raw-http.ts";
import { repositoryRoot, startTestDaemon } from "../support/daemon.ts";
import { listenOnLoopback } from "../support/loopback.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    calls: { type: "string", default: "300" },
    seconds: { type: "string", default: "3" },
    /** A command that starts another broker on the provider's base address and prints `{socketPath, key}`, e.g. an older commit's. */
    other: { type: "string" },
  },
});
const calls = Number(values.calls);
const concurrency = 8;
const warmUp = 50;
const messages = [{ role: "user", content: "Hello" }];
const bodyFor = (model: string) => JSON.stringify({ model, messages, max_tokens: 8, stream: true });
const children: ChildProcess[] = [];

/** Starts a process that prints one line of JSON when it is ready and ends when its input ends. */
async function started<T>(command: string, args: readonly string[]): Promise<T> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], cwd: repositoryRoot });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, "line", { signal: AbortSignal.timeout(60_000) })) as [string];
  return JSON.parse(line) as T;
}

const node = [...process.execArgv.filter((flag) => !flag.startsWith("--cpu-prof"))];
const script = (name: string) => [...node, join(repositoryRoot, "tests/support/budget", name)];

interface Broker {
  readonly socketPath: string;
  readonly key: string;
}
type Client = { call(): Promise<Timed>; close(): void };

const provider = await started<{ port: number }>(process.execPath, script("canned-provider.ts"));
const baseUrl = `http://127.0.0.1:${provider.port}`;
const broker = await started<Broker>(process.execPath, [...script("broker-process.ts"), baseUrl]);
const other =
  values.other === undefined ? undefined : await started<Broker>("sh", ["-c", `exec ${values.other} ${baseUrl}`]);

/** Portkey 1.15.2 appends to the headers of a fetched answer, which Node 24 does not allow: every call would be a 500. */
const mutableHeaders = `data:text/javascript,${encodeURIComponent(
  "const { fetch } = globalThis; globalThis.fetch = async (...args) => { const { body, status, headers } = await fetch(...args); return new Response(body, { status, headers: [...headers] }); };",
)}`;

async function startPortkey(): Promise<number> {
  const placeholder = createServer();
  const port = await listenOnLoopback(placeholder);
  await new Promise((resolve) => placeholder.close(resolve));
  const program = join(repositoryRoot, "node_modules/@portkey-ai/gateway/build/start-server.js");
  const child = spawn(process.execPath, ["--import", mutableHeaders, program, `--port=${port}`, "--headless"], {
    stdio: "ignore",
  });
  children.push(child);
  await until("Portkey's gateway to serve", async () =>
    fetch(`http://127.0.0.1:${port}`).then(
      () => true,
      () => false,
    ),
  );
  return port;
}
const portkeyPort = await startPortkey();

using directory = tempDirectory();
const config = join(directory.path, "bench.toml");
writeFileSync(
  config,
  `[llm.providers.oai]\nkind = "openai"\nbase_url = "${baseUrl}/v1"\nsecret = "the-key"\nmodels = ["m"]\n[budget.prices."oai/m"]\ninput = 3\noutput = 15\n`,
);
const daemon = await startTestDaemon({ engine: "process", flags: ["--config", config] });
await daemon.client.keystore.store({ provider: "custom", id: "the-key", token: canaryKey });

const path = "/v1/chat/completions";
const endpointOf = ({ socketPath, key }: Broker) =>
  new RawClient({ path: socketPath }, path, { authorization: `Bearer ${key}` }, bodyFor("oai/m"));
const chat: Client = {
  async call() {
    const startedAt = performance.now();
    let firstMs = 0;
    const stream = daemon.client.stream("llm.chat", {
      model: "oai/m",
      messages: [{ role: "user", content: "Hello" }],
      max_output_tokens: 8,
    });
    for await (const _ of stream) firstMs ||= performance.now() - startedAt;
    await stream.result;
    return { totalMs: performance.now() - startedAt, firstMs };
  },
  close: () => undefined,
};

const ways: Readonly<Record<string, () => Client>> = {
  direct: () => new RawClient({ host: "127.0.0.1", port: provider.port }, path, {}, bodyFor("m")),
  endpoint: () => endpointOf(broker),
  ...(other === undefined ? {} : { other: () => endpointOf(other) }),
  portkey: () =>
    new RawClient(
      { host: "127.0.0.1", port: portkeyPort },
      path,
      {
        authorization: `Bearer ${canaryKey}`,
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": `${baseUrl}/v1`,
      },
      bodyFor("m"),
    ),
  chat: () => chat,
};
const names = Object.keys(ways);
const clientOf = (name: string): Client => {
  const make = ways[name];
  if (make === undefined) throw new Error(`${name} is not a way to call`);
  return make();
};

/** Makes one call after the other and takes the ways in turns, so that other work on the machine affects all ways alike. */
async function latency(rounds: number) {
  const clients = names.map((name) => ({ name, client: clientOf(name), timed: [] as Timed[] }));
  for (let i = 0; i < rounds; i++) for (const { client, timed } of clients) timed.push(await client.call());
  for (const { client } of clients) client.close();
  const figures = clients.map(({ name, timed }) => [name, figuresOf(timed)] as const);
  const direct = figures.find(([name]) => name === "direct")?.[1];
  return Object.fromEntries(
    figures.map(([name, own]) => [name, { ...own, added_p50_ms: round(own.p50_ms - (direct?.p50_ms ?? 0)) }]),
  );
}

/** Measures calls per second with several calls in flight. The ways take turns. */
async function throughput(seconds: number) {
  const slices = 3;
  const counts = new Map<string, number>();
  for (let slice = 0; slice < slices; slice++) {
    for (const name of names) {
      const clients = Array.from({ length: concurrency }, () => clientOf(name));
      const endsAt = performance.now() + (seconds * 1_000) / slices;
      let done = 0;
      const run = async (client: Client) => {
        while (performance.now() < endsAt) {
          await client.call();
          done += 1;
        }
      };
      await Promise.all(clients.map(run));
      for (const client of clients) client.close();
      counts.set(name, (counts.get(name) ?? 0) + done);
    }
  }
  return Object.fromEntries([...counts].map(([name, count]) => [name, Math.round(count / seconds)]));
}

function figuresOf(timed: readonly Timed[]) {
  const totals = timed.map(({ totalMs }) => totalMs).sort((a, b) => a - b);
  const firsts = timed.map(({ firstMs }) => firstMs).sort((a, b) => a - b);
  return {
    p50_ms: percentile(totals, 0.5),
    p99_ms: percentile(totals, 0.99),
    first_p50_ms: percentile(firsts, 0.5),
  };
}

const round = (value: number) => Math.round(value * 1_000) / 1_000;
const percentile = (sorted: readonly number[], share: number) =>
  round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);

await latency(warmUp);
const report = {
  calls,
  latency: await latency(calls),
  concurrency,
  calls_per_second: await throughput(Number(values.seconds)),
};
process.stdout.write(`${values.json ? JSON.stringify(report) : JSON.stringify(report, null, 2)}\n`);

await daemon[Symbol.asyncDispose]();
for (const child of children) {
  child.stdin?.end();
  child.kill();
}
