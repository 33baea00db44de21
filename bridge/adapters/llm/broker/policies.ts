import type { RunawayLimits } from "../../../budget/index.ts";
import type { LlmCaller, LlmPolicy } from "./call-context.ts";

/** Each key may also be undefined: the general limits then hold. */
type OwnLimits = { readonly [Key in keyof RunawayLimits]?: RunawayLimits[Key] | undefined };

export interface LlmPolicySettings {
  readonly runawayLimits: RunawayLimits;
  /** Loop, or one agent → what it may call. */
  readonly policies: Readonly<
    Record<
      string,
      Omit<LlmPolicy, "runawayLimits" | "outputTokensDefault"> & {
        readonly outputTokensDefault?: number | undefined;
        readonly runawayLimits?: OwnLimits | undefined;
      }
    >
  >;
}

/** A person may call every model. An agent has its own policy, or else its loop's, or else may call no model. */
export function llmPolicies({
  runawayLimits,
  policies,
}: LlmPolicySettings): (caller: Pick<LlmCaller, "principal" | "agent">) => LlmPolicy {
  const nothing: LlmPolicy = {
    models: [],
    outputTokensDefault: undefined,
    outputTokensMax: 0,
    concurrentCallsMax: 1,
    runawayLimits,
  };
  const everything: LlmPolicy = {
    models: ["*"],
    outputTokensDefault: 4_096,
    outputTokensMax: 1_000_000,
    concurrentCallsMax: 64,
    runawayLimits,
  };
  const byName = new Map(
    Object.entries(policies).map(([name, policy]): [string, LlmPolicy] => [
      name,
      {
        ...policy,
        outputTokensDefault: policy.outputTokensDefault,
        runawayLimits: { ...runawayLimits, ...given(policy.runawayLimits ?? {}) },
      },
    ]),
  );
  return ({ principal, agent }) => {
    if (agent === undefined) return principal.startsWith("agent:") ? nothing : everything;
    return byName.get(agent.agentId) ?? byName.get(agent.loop) ?? nothing;
  };
}

const given = (limits: OwnLimits): Partial<RunawayLimits> =>
  Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
