import type { EventData } from "@armorclaw/protocol";
import { codeOf } from "./command-replies.ts";

/** The longest request that is shown whole; a longer one is not shown in part. */
const requestMax = 20_000;

/** The question as people in a room see it: the whole request, with nothing in it that deceives the eye. */
export function approvalPrompt(asked: EventData<"approval.requested">): string {
  const { agent_id: agentId, approval_id: id, method, request, reason, digest, expires_at: expiresAt } = asked;
  const code = codeOf(id);
  const shown =
    request.length <= requestMax
      ? visible(request)
      : `The request has ${request.length} characters, too many for a room: \`armorclaw approval list\` shows it. SHA-256 ${digest}`;
  return [
    `${agentId} asks to do: ${visible(method)}`,
    shown,
    ...(reason === null ? [] : [`It says: ${visible(reason)}`]),
    `!approve ${code}  or  !deny ${code}  until ${expiresAt}; no answer is a no.`,
  ].join("\n");
}

/** What somebody is told who answers by an emoji where those are not taken. */
export const reactionHint = (approvalId: string): string =>
  `Reactions are not taken as answers here. Write: !approve ${codeOf(approvalId)}  or  !deny ${codeOf(approvalId)}`;

/** How a question ended. */
export function decisionNotice({ status, decided_by: by }: EventData<"approval.decided">): string | undefined {
  if (status === "used") return undefined;
  if (status === "expired") return "Nobody answered in time: denied.";
  return `${status === "approved" ? "Approved" : "Denied"}${by === null ? "" : ` by ${by}`}.`;
}

/** What an emoji on a question says. Both crosses are a no; whatever else is said is no answer. */
export function reactionAnswer(key: string): "approval.approve" | "approval.deny" | undefined {
  if (key === "✅" || key === "👍") return "approval.approve";
  return ["❌", "❎", "👎", "🚫"].includes(key) ? "approval.deny" : undefined;
}

/** Control and format characters, which move or hide others, as their numbers. */
const visible = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
