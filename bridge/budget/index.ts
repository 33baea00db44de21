export { type Amounts, nanoPerUsd, nothing, type Unit } from "./amounts.ts";
export { Budget, type BudgetDeps, type BudgetSettings, type ReserveRequest } from "./budget.ts";
export { BudgetAdmin, type LimitStatus } from "./budget-admin.ts";
export { Calendar } from "./calendar.ts";
export type { Basis, Spending } from "./ledger.ts";
export type { Limit } from "./limits.ts";
export { budgetMigrations } from "./migrations.ts";
export type { AgentHold, ApprovalGate } from "./ports.ts";
export {
  type ConfiguredPrice,
  costNanoUsd,
  type Price,
  PriceTable,
  type TokenUsage,
  worstCaseNanoUsd,
} from "./prices.ts";
export { RunawayGuard, type RunawayLimits } from "./runaway-guard.ts";
export type { Attribution } from "./scopes.ts";
export { ServicePrices } from "./service-prices.ts";
