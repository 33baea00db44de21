import type { RunawayLimits } from "../../budget/index.ts";

/** Who a call is for. */
export interface LlmCaller {
  readonly principal: string;
  readonly agent?: { readonly agentId: string; readonly loop: string; readonly epoch: number } | undefined;
  readonly task?: string | undefined;
  readonly run?: string | undefined;
  /** What the agent looked at before the call, as it sums it up. */
  readonly state?: string | undefined;
}

/** What the operator lets a caller do. */
export interface LlmPolicy {
  /** `provider/model`, `provider/*` or `*`. */
  readonly models: readonly string[];
  /** The most that an answer may have when the request does not say. */
  readonly outputTokensDefault: number | undefined;
  readonly outputTokensMax: number;
  readonly concurrentCallsMax: number;
  readonly runawayLimits: RunawayLimits;
}

/** The run that a call belongs to when it names none: the agent's present start. */
export const runOf = ({ agentId, epoch }: NonNullable<LlmCaller["agent"]>): string => `${agentId}.${epoch}`;
