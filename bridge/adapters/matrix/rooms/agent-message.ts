import { BridgeError } from "@armorclaw/protocol/errors";
import type { OutgoingMessage } from "./content.ts";

/** Answers whether a text is the code of an approval that the bridge asked for in a room. */
export type IsApprovalCode = (code: string) => boolean;

const lineBreaks = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/u;
/** Control characters, and format characters that reorder or hide text. Joiners of emoji stay. */
const deceiving = /[\p{Cc}\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;
/** The tags that an agent's HTML may use, without attributes. */
const allowedTags = new Set(["b", "br", "code", "del", "em", "i", "li", "ol", "p", "pre", "strong", "ul"]);
const codes = /[0-9a-f]{16}/giu;
/** A longer reaction is a text. */
const reactionCharsMax = 16;

/**
 * An agent's message as it is sent with the bridge's account: each of its lines shows that an agent wrote it, so that it cannot be
 * taken for a question, a decision or a notice of the bridge. It carries no code of an approval.
 * @throws BridgeError INVALID_PARAMS for a reaction that is a text
 */
export function agentMessage(
  agentId: string,
  message: OutgoingMessage,
  isApprovalCode: IsApprovalCode,
): OutgoingMessage {
  const { text, html, file, reactsTo } = message;
  if (reactsTo !== undefined) {
    if (text.length <= reactionCharsMax && !/[\p{L}\p{N}\s]/u.test(text)) return message;
    throw new BridgeError("INVALID_PARAMS", "An agent's reaction must be one emoji");
  }
  const withoutCodes = (value: string) => value.replaceAll(codes, (code) => (isApprovalCode(code) ? "[code]" : code));
  const clean = (value: string) => withoutCodes(value.replaceAll(deceiving, ""));
  const lines = text.split(lineBreaks).map((line) => `| ${clean(line)}`);
  const marked = {
    ...message,
    text: [`Agent ${agentId} writes:`, ...lines].join("\n"),
    ...(file === undefined ? {} : { file: { ...file, name: `${agentId} ${clean(file.name)}` } }),
  };
  delete marked.html;
  if (html === undefined) return marked;
  const shown = html.replaceAll(deceiving, " ");
  // A code that tags split would be whole again on the screen.
  const words = shown.replaceAll(/<[^<>]{0,100}>/gu, "");
  if (words !== withoutCodes(words)) return marked;
  return {
    ...marked,
    html: `<p><strong>Agent ${agentId} writes:</strong></p><blockquote>${safeHtml(withoutCodes(shown))}</blockquote>`,
  };
}

/** Keeps the allowed tags without attributes, and shows every other `<` as text. */
const safeHtml = (html: string): string =>
  html.replaceAll(
    /<(?:(\/?)([a-z]{1,10})[^<>]{0,100}>)?/giu,
    (_, slash: string | undefined, name: string | undefined) => {
      const tag = name?.toLowerCase();
      return tag !== undefined && allowedTags.has(tag) ? `<${slash ?? ""}${tag}>` : "&lt;";
    },
  );
