// What the broker costs: a call to the stand-in provider directly, through an agent's endpoint and through `llm.chat`, in turns.
import { writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { canaryKey, holder, openBroker } from "../support/budget/broker.ts";
import { costLimit, usd } from "../support/budget/budget.ts";
import { type Behaviour, startStandInProvider } from "../support/budget/stand-in-provider.ts";
import { startTestDaemon } from "../support/daemon.ts";
import { tempDirectory } from "../support/temp.ts";

interface Timed {
  readonly totalMs: number;
  readonly firstMs: number;
}

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, calls: { type: "string", default: "300" } },
});
const calls = Number(values.calls);
const warmUp = 30;
const messages = [{ role: "user", content: "Hello" }];

const provider = await startStandInProvider();
using directory = tempDirectory();
const endpoint = await openBroker({
  baseUrl: provider.baseUrl,
  limits: [costLimit("global", "day", usd(1_000)), costLimit("agent:*", "day", usd(1_000))],
});
const socketPath = await endpoint.listen(holder);
const config = join(directory.path, "bench.toml");
writeFileSync(
  config,
  `[llm.providers.oai]\nkind = "openai"\nbase_url = "${provider.baseUrl}/v1"\nsecret = "the-key"\nmodels = ["m"]\n[budget.prices."oai/m"]\ninput = 3\noutput = 15\n`,
);
const daemon = await startTestDaemon({ engine: "process", flags: ["--config", config] });
await daemon.client.keystore.store({ provider: "custom", id: "the-key", token: canaryKey });

const agent = new Agent({ keepAlive: true });
const { port } = new URL(provider.baseUrl);
const direct = () => post({ port, host: "127.0.0.1" }, "m", canaryKey);
const throughEndpoint = () => post({ socketPath }, "oai/m", endpoint.endpoint.keyOf(holder));

/** One streamed call over HTTP. */
function post(where: object, model: string, key: string): Promise<Timed> {
  const startedAt = performance.now();
  let firstMs = 0;
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const outgoing = request({ ...where, agent, method: "POST", path: "/v1/chat/completions", headers }, (response) => {
      response.on("data", () => {
        firstMs ||= performance.now() - startedAt;
      });
      response.on("end", () => resolve({ totalMs: performance.now() - startedAt, firstMs }));
    });
    outgoing.on("error", reject);
    outgoing.end(JSON.stringify({ model, messages, max_tokens: 8, stream: true }));
  });
}

async function throughChat(): Promise<Timed> {
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
}

const ways = { direct, endpoint: throughEndpoint, chat: throughChat };
type Way = keyof typeof ways;

/** Calls in turns, so that whatever else the machine does falls on all three alike. */
async function measure(calls: number, behaviour: Behaviour) {
  const timed: Record<Way, Timed[]> = { direct: [], endpoint: [], chat: [] };
  for (let i = 0; i < calls; i++) {
    for (const way of ["direct", "endpoint", "chat"] as const) {
      provider.next(behaviour);
      timed[way].push(await ways[way]());
    }
  }
  const figures = { direct: figuresOf(timed.direct), endpoint: figuresOf(timed.endpoint), chat: figuresOf(timed.chat) };
  const ratiosOf = (way: Way) =>
    Object.fromEntries(
      Object.entries(figures[way]).map(([name, value]) => [
        name.replace("_ms", ""),
        round(value / figures.direct[name as keyof Figures]),
      ]),
    );
  return { calls, ...figures, ratios: { endpoint: ratiosOf("endpoint"), chat: ratiosOf("chat") } };
}

type Figures = ReturnType<typeof figuresOf>;
function figuresOf(timed: readonly Timed[]) {
  const totals = timed.map(({ totalMs }) => totalMs).sort((a, b) => a - b);
  const firsts = timed.map(({ firstMs }) => firstMs).sort((a, b) => a - b);
  return {
    p50_ms: percentile(totals, 0.5),
    p99_ms: percentile(totals, 0.99),
    first_p50_ms: percentile(firsts, 0.5),
    first_p99_ms: percentile(firsts, 0.99),
  };
}

const round = (value: number) => Math.round(value * 1_000) / 1_000;
const percentile = (sorted: readonly number[], share: number) =>
  round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);

await measure(warmUp, {});
const report = {
  /** The worst case: a provider that answers at once. */
  instant: await measure(calls, {}),
  /** Eight tokens, 10 ms apart, which is faster than any model. */
  paced: await measure(Math.ceil(calls / 5), { tokenDelayMs: 10 }),
};
process.stdout.write(`${values.json ? JSON.stringify(report) : JSON.stringify(report, null, 2)}\n`);

agent.destroy();
await daemon[Symbol.asyncDispose]();
await endpoint[Symbol.asyncDispose]();
await provider[Symbol.asyncDispose]();
