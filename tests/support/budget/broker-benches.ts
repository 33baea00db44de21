import { afterEach, beforeEach } from "@jest/globals";
import type { ChatRequest, ModelEvent } from "../../../bridge/adapters/llm/codecs/chat-request.ts";
import { encodeSse, type SseEvent } from "../../../bridge/adapters/llm/codecs/sse.ts";
import { endpointDialects } from "../../../bridge/adapters/llm/index.ts";
import { agentCaller, type BrokerBench, type BrokerBenchOptions, inputNano, openBroker, outputNano } from "./broker.ts";
import { type StandInProvider, startStandInProvider } from "./stand-in-provider.ts";

/** Creates a new stand-in provider for each test of a file, and brokers on it that are closed after the test. */
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
    /** Returns the amount that the provider has billed. */
    billed() {
      const inputTokens = provider.books.reduce((sum, entry) => sum + entry.inputTokens, 0);
      const outputTokens = provider.books.reduce((sum, entry) => sum + entry.outputTokens, 0);
      return { inputTokens, outputTokens, cost: inputTokens * inputNano + outputTokens * outputNano };
    },
  };
}

/** Returns requests that differ from each other, so that none counts as a repetition. */
export function requests() {
  let number = 0;
  const request = (dialect: keyof typeof endpointDialects, model: string, more: object) =>
    endpointDialects[dialect].decodeRequest({
      model,
      messages: [{ role: "user", content: `Hello ${++number}` }],
      max_tokens: 64,
      ...more,
    });
  return {
    openaiRequest: (more: object = {}) => request("openai", "oai/m", more),
    anthropicRequest: (more: object = {}) => request("anthropic", "ant/m", more),
  };
}

/** Makes one call and collects the answer in the request's dialect, as the endpoint sends it. */
export async function call(
  { broker }: BrokerBench,
  request: ChatRequest,
  signal = new AbortController().signal,
  caller = agentCaller,
) {
  const codec = endpointDialects[request.source.dialect === "anthropic" ? "anthropic" : "openai"];
  const encoder = codec.streamEncoder(request);
  const events: SseEvent[] = [];
  let whole: string | undefined;
  const sink = {
    dialect: codec.name,
    begin: () => undefined,
    take: (decoded: readonly ModelEvent[], source: SseEvent | undefined) => {
      if (source === undefined) events.push(...decoded.flatMap((event) => encoder.encode(event)));
      else if (encoder.passesOn(source, decoded)) events.push(source);
    },
    takeWhole: (decoded: readonly ModelEvent[], source: string | undefined) => {
      whole = source ?? JSON.stringify(codec.encodeAnswer(decoded, request));
    },
    flush: () => undefined,
    end: () => undefined,
  };
  const result = await broker.chat(request, caller, sink, signal);
  const reply: unknown = whole === undefined ? undefined : JSON.parse(whole);
  return { ...result, reply, events, text: events.map(encodeSse).join("") };
}

/** Returns the amounts that the ledger has booked. */
export function ledger({ money }: BrokerBench) {
  const row = money.store.read((sql) =>
    sql.get(`SELECT sum(spent_nano_usd) AS cost, sum(held_nano_usd) AS held, sum(spent_calls) AS calls,
      sum(input_tokens) AS inputTokens, sum(output_tokens) AS outputTokens,
      sum(basis IS 'bound' AND kind <> 'adjust') AS bounded FROM budget_entries`),
  );
  if (row === undefined) throw new Error("The ledger adds up to no row");
  const figure = (name: string) => Number(row[name]);
  return {
    cost: figure("cost"),
    held: figure("held"),
    calls: figure("calls"),
    inputTokens: figure("inputTokens"),
    outputTokens: figure("outputTokens"),
    bounded: figure("bounded"),
  };
}
