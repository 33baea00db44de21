import { randomUUID } from "node:crypto";
import { type AgentId, canonicalJson, type EventEnvelope } from "@armorclaw/protocol";
import {
  type LlmCaller,
  LlmEndpoint,
  type LlmPolicy,
  ModelBroker,
  ModelTable,
  PhantomKeys,
  type ProviderCallSettings,
  Providers,
  type SecretReader,
} from "../adapters/llm/index.ts";
import { budgetHandlers } from "../api/budget.ts";
import { endpointName, llmHandlers } from "../api/llm.ts";
import type { Approvals } from "../approvals/index.ts";
import {
  type AgentHold,
  type ApprovalGate,
  Budget,
  BudgetAdmin,
  Calendar,
  type LimitStatus,
  PriceTable,
  RunawayGuard,
  ServicePrices,
} from "../budget/index.ts";
import type { Config } from "../config/index.ts";
import { type DurableEventLog, type PublishEvent, subscribeLive } from "../events/index.ts";
import type { Keystore } from "../keystore/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Logging } from "../logging/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { GaugeSource, SideSocket } from "../rpc/index.ts";
import type { Store } from "../store/index.ts";
import {
  configuredLimits,
  configuredPrices,
  configuredServicePrices,
  providerSettings,
  runawayLimits,
} from "./llm-settings.ts";

export interface MoneyDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logging: Logging;
  readonly publish: PublishEvent;
  readonly log: DurableEventLog;
  readonly config: Config;
  readonly approvals: Approvals;
  readonly keystore: Keystore;
  readonly agentHold: AgentHold;
  /** The start of an agent that lives now. */
  readonly findAgent: (agentId: string) => { readonly loop: string; readonly epoch: number } | undefined;
}

const sweepEveryMs = 1_000;
const stopGraceMs = 5_000;

/** Constructs the budget and the model broker. */
export function composeMoney(deps: MoneyDeps) {
  const { store, clock, publish, logging, config, findAgent } = deps;
  const calendar = new Calendar(config.budget.timeZone);
  const ground = { store, clock, calendar, publish };
  const budget = new Budget(
    { ...ground, agentHold: deps.agentHold, logger: logging.child("budget") },
    { limits: configuredLimits(config), thresholds: config.budget.thresholds, sweepEveryMs },
  );
  const admin = new BudgetAdmin({ ...ground, budget, approvals: approvalGate(deps.approvals) });
  const guard = new RunawayGuard(clock);
  const { broker, providers } = makeBroker(deps, budget, guard);
  const endpoint = new LlmEndpoint(broker, new PhantomKeys(), logging.child("llm endpoint"));
  const holderOf = (agentId: string) => {
    const agent = findAgent(agentId);
    return agent === undefined ? undefined : { agentId, ...agent };
  };
  return {
    budget,
    circuits: () => providers.circuits,
    sideSocket: sideSocket(endpoint, findAgent),
    gauges: budgetGauges(admin),
    services: [budget, providers, endpoint, watchChanges(deps.log, guard)],
    handlers: {
      ...budgetHandlers({
        budget,
        admin,
        clock,
        timeZone: calendar.timeZone,
        services: new ServicePrices(configuredServicePrices(config)),
        loopOf: (agentId) => findAgent(agentId)?.loop,
      }),
      ...llmHandlers({ broker, endpoint, holderOf }),
    },
  };
}

function makeBroker(
  { clock, random, publish, logging, config, keystore }: MoneyDeps,
  budget: Budget,
  guard: RunawayGuard,
) {
  const { llm } = config;
  const settings = providerSettings(config);
  const http = { headMs: llm.headMs, idleMs: llm.idleMs, connectionsMax: llm.connectionsMax };
  const providers = new Providers(settings, http, { failuresMax: llm.failuresMax, openMs: llm.openMs }, publish, clock);
  const calls: ProviderCallSettings = {
    attemptsMax: llm.attemptsMax,
    backoffMs: llm.backoffMs,
    waitMaxMs: llm.waitMaxMs,
    callMs: llm.callMs,
  };
  const broker = new ModelBroker(
    {
      providers,
      budget,
      guard,
      publish,
      clock,
      random,
      secrets: keyReader(keystore),
      models: new ModelTable(settings, new Map(Object.entries(llm.fallbacks))),
      prices: new PriceTable(configuredPrices(config)),
      policyOf: policies(config),
      logger: logging.child("llm"),
    },
    calls,
  );
  return { broker, providers };
}

/** People may call every model; an agent what its own policy has, or else its loop's. */
function policies(config: MoneyDeps["config"]): (caller: LlmCaller) => LlmPolicy {
  const usual = runawayLimits(config.llm.runawayLimits);
  const nothing: LlmPolicy = {
    models: [],
    outputTokensDefault: undefined,
    outputTokensMax: 0,
    concurrentCallsMax: 1,
    runawayLimits: usual,
  };
  const everything: LlmPolicy = {
    models: ["*"],
    outputTokensDefault: 4_096,
    outputTokensMax: 1_000_000,
    concurrentCallsMax: 64,
    runawayLimits: usual,
  };
  const byName = new Map(
    Object.entries(config.llm.policies).map(([name, policy]): [string, LlmPolicy] => [
      name,
      {
        models: policy.models,
        outputTokensDefault: policy.outputTokensDefault,
        outputTokensMax: policy.outputTokensMax,
        concurrentCallsMax: policy.concurrentCallsMax,
        runawayLimits: runawayLimits(config.llm.runawayLimits, policy.runawayLimits),
      },
    ]),
  );
  return ({ principal, agent }) => {
    if (agent === undefined) return principal.startsWith("agent:") ? nothing : everything;
    return byName.get(agent.agentId) ?? byName.get(agent.loop) ?? nothing;
  };
}

/** A person who tops up has decided; an agent that asks has not. */
function approvalGate(approvals: Approvals): ApprovalGate {
  return {
    async ask(method, request, askedBy) {
      if (!askedBy.startsWith("agent:")) return { approvalId: randomUUID(), approvedBy: askedBy };
      const question = { requester: askedBy, method, request: canonicalJson(request) };
      const { id, decidedBy } = await approvals.request(question);
      await approvals.demand(question);
      return { approvalId: id, approvedBy: decidedBy ?? askedBy };
    },
  };
}

/** What reaches an agent is a reason to call a model; what it does that others see is progress. */
function watchChanges(log: DurableEventLog, guard: RunawayGuard): Service {
  let subscription: { close(): void } | undefined;
  const push = ({ channel, type, source, data }: EventEnvelope) => {
    const agentId = channel.split(".")[1] ?? "";
    const isFirstStart = type === "agent.started" && data["epoch"] === 1;
    if (source !== `agent:${agentId}` || isFirstStart) guard.changed(agentId);
    else if (!type.startsWith("agent.")) guard.progressed(agentId);
  };
  const sink = { push, writable: () => undefined, onGap: () => undefined, onEnd: () => undefined };
  return {
    name: "reasons to call",
    start: async () => {
      subscription = subscribeLive(log, { channels: ["agent.>"] }, sink, {});
    },
    stop: async () => subscription?.close(),
  };
}

/** A provider's key, in the open for the one header that it is put in. */
function keyReader(keystore: Keystore): SecretReader {
  return {
    async use(name) {
      const { value } = await keystore.read(name);
      try {
        return value.reveal();
      } finally {
        value.wipe();
      }
    },
  };
}

/** What the budget may do to the supervisor's agents. One that is gone is left alone. */
export function agentHold(supervisor: {
  readonly live: readonly {
    readonly plan: { readonly agentId: string };
    pause(): Promise<void>;
    resume(): Promise<void>;
    stop(graceMs: number): Promise<void>;
  }[];
}): AgentHold {
  const find = (agentId: string) => supervisor.live.find(({ plan }) => plan.agentId === agentId);
  return {
    freeze: async (agentId) => await find(agentId)?.pause(),
    thaw: async (agentId) => await find(agentId)?.resume(),
    stop: async (agentId) => await find(agentId)?.stop(stopGraceMs),
  };
}

/** The limits as they stand, for whoever watches from outside. */
function budgetGauges(admin: BudgetAdmin): readonly GaugeSource[] {
  const gauge = (name: string, help: string, pick: (status: LimitStatus) => number | null): GaugeSource => ({
    name,
    help,
    labelNames: ["scope", "window", "unit"],
    read: async () =>
      admin.status().limits.flatMap((status) => {
        const value = pick(status);
        const { scope, limit } = status.standing;
        return value === null ? [] : [{ labels: { scope, window: limit.window, unit: limit.unit }, value }];
      }),
  });
  return [
    gauge(
      "armorclaw_budget_spent",
      "Spent in the present window; money in nano-dollars",
      ({ standing }) => standing.spent,
    ),
    gauge("armorclaw_budget_held", "Reserved and not settled", ({ standing }) => standing.held),
    gauge("armorclaw_budget_limit", "The bound with what was granted on top", ({ standing }) => standing.ceiling),
    gauge("armorclaw_budget_burn_per_hour", "Spent in the last hour", ({ burnPerHour }) => burnPerHour),
    gauge(
      "armorclaw_budget_exhausted_in_ms",
      "Until the bound at that rate; none when not in this window",
      ({ exhaustedInMs }) => exhaustedInMs,
    ),
  ];
}

function sideSocket(endpoint: LlmEndpoint, findAgent: MoneyDeps["findAgent"]): SideSocket {
  return {
    name: endpointName,
    open: (agentId: AgentId, epoch: number) => {
      const holder = { agentId, epoch, loop: findAgent(agentId)?.loop ?? "" };
      return { accept: (socket) => endpoint.accept(socket, holder), close: () => endpoint.forget(holder) };
    },
  };
}
