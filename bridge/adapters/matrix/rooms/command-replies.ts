import type { AgentInfo, Result } from "@armorclaw/protocol";

/** Text of an agent on one line, without characters that move or hide others. */
export const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");

export const agentLine = ({ agent_id: id, state, restarts, message }: AgentInfo): string =>
  `${id}: ${state}${restarts > 0 ? `, ${restarts} restarts` : ""}${message === null ? "" : ` (${oneLine(message)})`}`;

/** The code of an approval that was asked for in the room. */
export type CodeOf = (approvalId: string) => string | undefined;

/** One line for each approval. The room has the whole question already. */
export const approvalLines = ({ approvals }: Result<"approval.list">, _: unknown, codeOf: CodeOf): string =>
  approvals.length === 0
    ? "No approval waits for an answer."
    : approvals
        .map(
          ({ approval_id: id, requester, method, expires_at: until }) =>
            `${codeOf(id) ?? `${id} (not asked here; \`armorclaw approval list\` on the machine)`}: ${requester.replace(/^agent:/, "")} requests ${method} until ${until}`,
        )
        .join("\n");

type Limit = Result<"budget.status">["limits"][number];

export function budgetLines({ limits, frozen }: Result<"budget.status">): string {
  const bounds = limits.map((limit) => {
    const { scope, window, spent, hard, soft, granted, percent } = limit;
    const bound = amount(limit, (hard ?? soft ?? 0) + granted);
    return `${scope} per ${window}: ${amount(limit, spent)} of ${bound} (${Math.round(percent)} %)`;
  });
  const cold = frozen.map(({ agent_id: id, reason }) => `${id} is frozen: ${oneLine(reason)}`);
  return bounds.length === 0 && cold.length === 0 ? "There are no limits." : [...bounds, ...cold].join("\n");
}

const amount = ({ unit }: Limit, value: number): string =>
  unit === "cost_nano_usd" ? `$${(value / 1e9).toFixed(2)}` : `${value} ${unit}`;
