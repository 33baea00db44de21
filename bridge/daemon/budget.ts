import { type Approvals, consentFrom } from "../approvals/index.ts";
import {
  Budget,
  BudgetAdmin,
  budgetGauges,
  limitsOf,
  Reservations,
  ServicePrices,
  servicePricesOf,
} from "../budget/index.ts";
import { knownNames, unknownScope } from "../config/index.ts";
import type { AgentDirectory } from "../lifecycle/index.ts";
import { Calendar } from "../platform/calendar.ts";
import type { Ground } from "./ground.ts";

const sweepEveryMs = 1_000;

/** Composes the ledger and its administration. */
export function composeBudget(ground: Ground, agents: AgentDirectory, approvals: Approvals) {
  const { store, clock, publish, logging, config } = ground;
  const calendar = new Calendar(config.budget.timeZone);
  const common = { store, clock, calendar, publish };
  const budget = new Budget(
    { ...common, agentHold: agents, logger: logging.child("budget") },
    { limits: limitsOf(config.budget.limits), thresholds: config.budget.thresholds, sweepEveryMs },
  );
  const { providers } = config.llm;
  const names = knownNames({ llm: { providers }, budget: { service_prices: config.budget.servicePrices } });
  const admin = new BudgetAdmin({
    ...common,
    budget,
    agents,
    approvals: consentFrom(approvals),
    unknownScope: (scope) => unknownScope(scope, names),
  });
  const services = new ServicePrices(servicePricesOf(config.budget.servicePrices));
  const reservations = new Reservations({ budget, services, agents, clock });
  return { budget, reservations, admin, timeZone: calendar.timeZone, gauges: budgetGauges(admin) };
}
