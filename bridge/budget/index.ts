export { type Amounts, nanoPerUsd, nothing, type Unit } from "./amounts.ts";
export { Budget, type BudgetDeps, type BudgetSettings, type ReserveRequest } from "./budget.ts";
export { BudgetAdmin, type LimitStatus } from "./budget-admin.ts";
export type { Basis, Spending } from "./ledger.ts";
export { type Limit, limitsOf } from "./limits.ts";
export { budgetGauges } from "./metrics.ts";
export { budgetMigrations } from "./migrations.ts";
export {
  type ConfiguredPrice,
  costNanoUsd,
  type Price,
  PriceTable,
  type TokenUsage,
  worstCaseNanoUsd,
} from "./prices.ts";
export { Reservations } from "./reservations.ts";
export { RunawayGuard, type RunawayLimits, runawayWatch } from "./runaway-guard.ts";
export type { Attribution } from "./scopes.ts";
export { ServicePrices, servicePricesOf } from "./service-prices.ts";
