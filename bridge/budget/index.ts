export { type Amounts, nanoPerUsd, nothing, type Unit } from "./amounts.ts";
export { type BrakeSettings, Brakes } from "./brakes.ts";
export { Budget, type BudgetDeps, type BudgetSettings, type ReserveRequest } from "./budget.ts";
export { Calendar } from "./calendar.ts";
export { BudgetDesk, type LimitStatus } from "./desk.ts";
export type { Basis, Spending } from "./ledger.ts";
export type { Limit } from "./limits.ts";
export { budgetMigrations } from "./migrations.ts";
export type { AgentBrake, ApprovalGate } from "./ports.ts";
export {
  type ConfiguredPrice,
  costNanoUsd,
  type Price,
  PriceTable,
  type TokenUsage,
  worstCaseNanoUsd,
} from "./prices.ts";
export type { Attribution } from "./scopes.ts";
export { ServicePrices } from "./service-prices.ts";
