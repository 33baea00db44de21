import { type Approvals, consentFrom } from "../approvals/index.ts";
import {
  AgentReservations,
  Budget,
  BudgetAdmin,
  budgetGauges,
  limitsOf,
  ServicePrices,
  servicePricesOf,
} from "../budget/index.ts";
import { knownNames } from "../config/index.ts";
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
  const admin = new BudgetAdmin({ ...common, budget, approvals: consentFrom(approvals) });
  const services = new ServicePrices(servicePricesOf(config.budget.servicePrices));
  const ofAgents = new AgentReservations(budget, clock);
  const { providers } = config.llm;
  const names = knownNames({ llm: { providers }, budget: { service_prices: config.budget.servicePrices } });
  return { budget, ofAgents, admin, services, names, timeZone: calendar.timeZone, gauges: budgetGauges(admin) };
}
