import type { EventData } from "@armorclaw/protocol";

/** The longest request that is shown. A longer one is not shown at all, since a part could mislead. */
const requestMax = 20_000;

/** The question as people in a room see it: the whole request, with control characters made visible and look-alike letters named. */
export function approvalPrompt(asked: EventData<"approval.requested">, code: string): string {
  const { agent_id: agentId, method, request, reason, digest, expires_at: expiresAt } = asked;
  const mixed = mixedWords(`${request} ${reason ?? ""}`);
  const shown =
    request.length <= requestMax
      ? visible(request)
      : `The request has ${request.length} characters, too many for a room: \`armorclaw approval list\` shows it. SHA-256 ${digest}`;
  return [
    `${agentId} requests: ${visible(method)}`,
    shown,
    ...(reason === null ? [] : [`Reason: ${visible(reason)}`]),
    ...(mixed.length === 0
      ? []
      : [`Words with letters of several alphabets, which can look alike: ${mixed.join(", ")}`]),
    `!approve ${code}  or  !deny ${code}  until ${expiresAt}. Without an answer it is denied.`,
  ].join("\n");
}

/** The answer to a person who reacts with an emoji where reactions are not accepted. */
export const reactionHint = (code: string): string =>
  `Reactions are not accepted as answers here. Write: !approve ${code}  or  !deny ${code}`;

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
const visible = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu, visibleNumber);

const visibleNumber = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`;

/** The most words that are named. */
const mixedMax = 5;

/** Words that mix Latin letters with letters of other alphabets, with the numbers of the latter. */
function mixedWords(text: string): string[] {
  const words = new Set(text.match(/[\p{L}\p{M}\p{N}]{2,100}/gu));
  const isMixed = (word: string) => /\p{Script=Latin}/u.test(word) && foreign.test(word);
  return [...words]
    .filter(isMixed)
    .slice(0, mixedMax)
    .map((word) => word.replaceAll(new RegExp(foreign, "gu"), visibleNumber));
}

/** Letters and digits that look like those of the Latin alphabet. */
const foreign =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\uff01-\uff5e\u{1d400}-\u{1d7ff}]/u;
