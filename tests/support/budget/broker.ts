import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  type EndpointHolder,
  type LlmCaller,
  LlmEndpoint,
  type LlmPolicy,
  ModelBroker,
  ModelTable,
  PhantomKeys,
  type ProviderSettings,
  Providers,
} from "../../../bridge/adapters/llm/index.ts";
import { type ConfiguredPrice, type Limit, PriceTable, RunawayGuard } from "../../../bridge/budget/index.ts";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { type Clock, systemClock } from "../../../bridge/platform/clock.ts";
import { tempDirectory } from "../temp.ts";
import { type BudgetBench, openBudget } from "./budget.ts";

/** The key that must not appear inside a container. */
export const canaryKey = "sk-real-canary-0123456789abcdef";

/** $3 and $15 for a million tokens, in nano-dollars for one. */
export const inputNano = 3_000;
export const outputNano = 15_000;
const price: ConfiguredPrice = { input: 3, output: 15 };

export const holder: EndpointHolder = { agentId: "mail-1", loop: "mail", epoch: 1 };
export const agentCaller: LlmCaller = { principal: "agent:mail-1", agent: holder };

export const openPolicy: LlmPolicy = {
  models: ["*"],
  outputTokensDefault: 64,
  outputTokensMax: 4_096,
  concurrentCallsMax: 64,
  runawayLimits: {
    callsPerMinuteMax: 100_000,
    identicalCallsMax: 100_000,
    callsWithoutProgressMax: 100_000,
    runMsMax: 86_400_000,
    idleGate: false,
    turnMs: 600_000,
    turnCallsMax: 50,
  },
};

export interface BrokerBench extends AsyncDisposable {
  readonly broker: ModelBroker;
  readonly endpoint: LlmEndpoint;
  readonly guard: RunawayGuard;
  readonly money: BudgetBench;
  readonly published: { type: string; data: Readonly<Record<string, unknown>> }[];
  /** A socket on which the endpoint treats every peer as this agent. */
  listen(holder: EndpointHolder): Promise<string>;
}

export interface BrokerBenchOptions {
  /** The base address of two providers: `oai` and `ant`, with the models `m` and, without a price, `unpriced`. */
  readonly baseUrl: string;
  readonly limits?: readonly Limit[];
  readonly policy?: Partial<LlmPolicy>;
  readonly fallbacks?: Readonly<Record<string, readonly string[]>>;
  readonly headMs?: number;
  readonly idleMs?: number;
  readonly callMs?: number;
  readonly failuresMax?: number;
  readonly openMs?: number;
  /** The clock of the runaway guard. */
  readonly guardClock?: Clock;
  /** The clock of the endpoint's deadlines. */
  readonly endpointClock?: Clock;
  readonly secrets?: Readonly<Record<string, string>>;
}

/** A broker in which everything is real except the provider. */
export async function openBroker(options: BrokerBenchOptions): Promise<BrokerBench> {
  const { baseUrl } = options;
  const money = await openBudget({ limits: options.limits ?? [] });
  const published: BrokerBench["published"] = [];
  const publish = (type: string, _: string, data: Readonly<Record<string, unknown>>) =>
    void published.push({ type, data });
  const shared = { secret: "the-key", models: ["m", "unpriced"], outputCapField: "max_completion_tokens" } as const;
  const settings: ProviderSettings[] = [
    { ...shared, name: "oai", kind: "openai", baseUrl: `${baseUrl}/v1`, listName: "openai" },
    { ...shared, name: "ant", kind: "anthropic", baseUrl, listName: "anthropic" },
  ];
  const http = { headMs: options.headMs ?? 5_000, idleMs: options.idleMs ?? 5_000, connectionsMax: 64 };
  const circuit = { failuresMax: options.failuresMax ?? 5, openMs: options.openMs ?? 30_000 };
  const providers = new Providers(settings, http, circuit, publish, systemClock);
  const guard = new RunawayGuard(options.guardClock ?? systemClock);
  const secrets = options.secrets ?? { "the-key": canaryKey };
  const broker = new ModelBroker(
    {
      models: new ModelTable(settings, new Map(Object.entries(options.fallbacks ?? {}))),
      providers,
      budget: money.budget,
      guard,
      prices: new PriceTable(
        new Map([
          ["oai/m", price],
          ["ant/m", price],
        ]),
      ),
      secrets: { use: async (name) => secrets[name] ?? "" },
      policyOf: () => ({ ...openPolicy, ...options.policy }),
      publish,
      clock: systemClock,
      random: () => 0.5,
      logger: silentLogger,
    },
    { attemptsMax: 3, backoffMs: 20, waitMaxMs: 500, callMs: options.callMs ?? 20_000 },
  );
  const endpoint = new LlmEndpoint(
    broker,
    new PhantomKeys(randomBytes(32)),
    options.endpointClock ?? systemClock,
    silentLogger,
  );
  const directory = tempDirectory();
  const servers = new Set<ReturnType<typeof createServer>>();
  return {
    broker,
    endpoint,
    guard,
    money,
    published,
    async listen(agent) {
      const path = join(directory.path, `${agent.agentId}.${agent.epoch}.sock`);
      const server = createServer({ allowHalfOpen: true }, (socket) => endpoint.accept(socket, agent));
      servers.add(server);
      await new Promise<void>((resolve) => server.listen(path, resolve));
      return path;
    },
    async [Symbol.asyncDispose]() {
      await endpoint.stop();
      for (const server of servers) server.close();
      await providers.stop();
      await money.close();
      directory[Symbol.dispose]();
    },
  };
}
