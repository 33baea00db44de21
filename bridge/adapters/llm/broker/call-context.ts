import type { Basis, RunawayLimits, TokenUsage } from "../../../budget/index.ts";
import type { ChatRequest } from "../codecs/chat-request.ts";
import type { AnswerSink } from "./answer-reader.ts";

/** Who a call is for. */
export interface LlmCaller {
  readonly principal: string;
  readonly agent?: { readonly agentId: string; readonly loop: string; readonly epoch: number } | undefined;
  readonly task?: string | undefined;
  readonly run?: string | undefined;
  /** What the agent looked at before the call, as the agent sums it up. */
  readonly state?: string | undefined;
}

/** What the operator lets a caller do. */
export interface LlmPolicy {
  /** `provider/model`, `provider/*` or `*`. */
  readonly models: readonly string[];
  /** Bounds the answer when the request does not. */
  readonly outputTokensDefault: number | undefined;
  readonly outputTokensMax: number;
  readonly concurrentCallsMax: number;
  readonly runawayLimits: RunawayLimits;
}

/** The run of a call that names none: the agent's present start. */
export const runOf = ({ agentId, epoch }: NonNullable<LlmCaller["agent"]>): string => `${agentId}.${epoch}`;

/** One call, over all its attempts. */
export interface CallContext {
  readonly request: ChatRequest;
  readonly caller: LlmCaller;
  readonly outputTokens: number;
  readonly sink: AnswerSink;
  readonly signal: AbortSignal;
  /** Whether the sink was given a part of an answer, after which no other provider can answer. */
  hasSent: boolean;
}

/** How a call ended that was answered. */
export interface ChatResult {
  /** The model that answered: `provider/model`. */
  readonly model: string;
  readonly usage: TokenUsage | undefined;
  readonly costNanoUsd: number;
  readonly basis: Basis;
  readonly reservationId: string;
}
