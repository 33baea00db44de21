import {
  endpointSecret,
  LlmEndpoint,
  llmPolicies,
  llmSocket,
  ModelBroker,
  ModelTable,
  PhantomKeys,
  Providers,
  providerKeys,
  providersOf,
} from "../adapters/llm/index.ts";
import { type Budget, PriceTable, RunawayGuard, runawayWatch } from "../budget/index.ts";
import type { Keystore } from "../keystore/index.ts";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Ground } from "./ground.ts";

export interface LlmDeps {
  readonly agents: AgentDirectory;
  readonly budget: Budget;
  readonly keystore: Keystore;
}

/** Composes the model broker and the endpoint that agents reach it by. */
export function composeLlm(ground: Ground, { agents, budget, keystore }: LlmDeps) {
  const { clock, random, publish, log, logging, config } = ground;
  const { llm } = config;
  const settings = providersOf(llm.providers);
  const guard = new RunawayGuard(clock);
  const providers = new Providers(settings, llm, llm, publish, clock);
  const broker = new ModelBroker(
    {
      providers,
      budget,
      guard,
      publish,
      clock,
      random,
      secrets: providerKeys(keystore),
      models: new ModelTable(settings, new Map(Object.entries(llm.fallbacks))),
      prices: new PriceTable(new Map(Object.entries(config.budget.prices))),
      policyOf: llmPolicies(llm),
      logger: logging.child("llm"),
    },
    llm,
  );
  const keys = new PhantomKeys(endpointSecret(config.stateDir));
  const endpoint = new LlmEndpoint(broker, keys, clock, logging.child("llm endpoint"));
  return {
    broker,
    endpoint,
    socket: llmSocket(endpoint, agents),
    circuits: () => providers.circuits,
    services: [providers, endpoint, runawayWatch(log, guard)],
  };
}
