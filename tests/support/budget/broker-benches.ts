import { afterEach, beforeEach } from "@jest/globals";
import { readAsk } from "../../../bridge/adapters/llm/index.ts";
import { agentCaller, type BrokerBench, type BrokerBenchOptions, inputNano, openBroker, outputNano } from "./broker.ts";
import { type StandInProvider, startStandInProvider } from "./stand-in-provider.ts";

/** A fresh stand-in provider for each of a file's tests, and brokers on it that are closed after the test. */
export function brokerBenches() {
  let provider: StandInProvider;
  const benches: BrokerBench[] = [];
  beforeEach(async () => {
    provider = await startStandInProvider();
  });
  afterEach(async () => {
    for (const bench of benches.splice(0)) await bench[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
  });
  return {
    get provider() {
      return provider;
    },
    async open(options: Partial<BrokerBenchOptions> = {}): Promise<BrokerBench> {
      const bench = await openBroker({ baseUrl: provider.baseUrl, ...options });
      benches.push(bench);
      return bench;
    },
    /** What the provider has billed. */
    billed() {
      const inputTokens = provider.books.reduce((sum, entry) => sum + entry.inputTokens, 0);
      const outputTokens = provider.books.reduce((sum, entry) => sum + entry.outputTokens, 0);
      return { inputTokens, outputTokens, cost: inputTokens * inputNano + outputTokens * outputNano };
    },
  };
}

/** Asks that differ from one another, so that none is taken for a repetition. */
export function asks() {
  let number = 0;
  const ask = (dialect: Parameters<typeof readAsk>[0], model: string, more: object) =>
    readAsk(dialect, { model, messages: [{ role: "user", content: `Hello ${++number}` }], max_tokens: 64, ...more });
  return {
    openaiAsk: (more: object = {}) => ask("openai", "oai/m", more),
    anthropicAsk: (more: object = {}) => ask("anthropic", "ant/m", more),
  };
}

/** Makes one call and gathers what was streamed. */
export async function call(
  { broker }: BrokerBench,
  ask: ReturnType<typeof readAsk>,
  signal = new AbortController().signal,
) {
  const events: string[] = [];
  const answered = await broker.chat(ask, agentCaller, ({ data }) => void events.push(data), signal);
  return { ...answered, events, text: events.join("\n") };
}

/** What the ledger has booked. */
export function ledger({ money }: BrokerBench) {
  const [row] = money.admin.report({ by: [], fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, rowsMax: 1 });
  if (row === undefined) throw new Error("The ledger adds up to no row");
  const { spent, held, inputTokens, outputTokens, bounded } = row;
  return { cost: spent.costNanoUsd, held: held.costNanoUsd, calls: spent.calls, inputTokens, outputTokens, bounded };
}
