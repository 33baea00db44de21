import type { EventData } from "@armorclaw/protocol";
import { codeOf } from "./command-replies.ts";

/** The longest request that is shown. A longer one is not shown at all, since a part could mislead. */
const requestMax = 20_000;

/** The question as people in a room see it: the whole request, with control characters made visible. */
export function approvalPrompt(asked: EventData<"approval.requested">): string {
  const { agent_id: agentId, approval_id: id, method, request, reason, digest, expires_at: expiresAt } = asked;
  const code = codeOf(id);
  const shown =
    request.length <= requestMax
      ? visible(request)
      : `The request has ${request.length} characters, too many for a room: \`armorclaw approval list\` shows it. SHA-256 ${digest}`;
  return [
    `${agentId} requests: ${visible(method)}`,
    shown,
    ...(reason === null ? [] : [`Reason: ${visible(reason)}`]),
    `!approve ${code}  or  !deny ${code}  until ${expiresAt}. Without an answer it is denied.`,
  ].join("\n");
}

/** The answer to a person who reacts with an emoji where reactions are not accepted. */
export const reactionHint = (approvalId: string): string =>
  `Reactions are not accepted as answers here. Write: !approve ${codeOf(approvalId)}  or  !deny ${codeOf(approvalId)}`;

/** The notice of a decision. Undefined when none is sent. */
export function decisionNotice({ status, decided_by: by }: EventData<"approval.decided">): string | undefined {
  if (status === "used") return undefined;
  if (status === "expired") return "Denied: nobody answered in time.";
  return `${status === "approved" ? "Approved" : "Denied"}${by === null ? "" : ` by ${by}`}.`;
}

/** The method that an emoji on a question calls. Undefined for other emoji. */
export function reactionAnswer(key: string): "approval.approve" | "approval.deny" | undefined {
  if (key === "✅" || key === "👍") return "approval.approve";
  return ["❌", "❎", "👎", "🚫"].includes(key) ? "approval.deny" : undefined;
}

/** Replaces control and format characters, which move or hide others, by their numbers. */
const visible = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
