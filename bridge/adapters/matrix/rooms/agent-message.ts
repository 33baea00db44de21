import { BridgeError } from "@armorclaw/protocol";
import type { OutgoingMessage } from "./content.ts";

/** Answers whether a person could read the code of an approval from a text. */
export type ShowsCode = (text: string) => boolean;

const lineBreaks = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/u;
/** Characters that reorder or hide text, are invisible, or are shown as a blank. What joins emoji stays. */
const deceiving = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Co}\u2800]/gu;
const emojiJoiners = /^[\u200d\ufe0f]$/u;
/** The tags that an agent's HTML may use, without attributes. */
const allowedTags = new Set(["b", "br", "code", "del", "em", "i", "li", "ol", "p", "pre", "strong", "ul"]);
const entity = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6}));?/giu;
/** A longer reaction is a text. */
const reactionCharsMax = 16;
const codeNotice = "[This text is left out: it has the code of an approval, which only the bridge may show.]";

/**
 * An agent's message as it is sent with the bridge's account: each of its lines shows that an agent wrote it, so that it cannot be
 * taken for a question, a decision or a notice of the bridge. It carries no code of an approval.
 * @throws BridgeError INVALID_PARAMS for a reaction that is a text
 */
export function agentMessage(agentId: string, message: OutgoingMessage, showsCode: ShowsCode): OutgoingMessage {
  const { text, html, file, reactsTo } = message;
  if (reactsTo !== undefined) {
    if (text.length > reactionCharsMax || !/^(?:\p{RGI_Emoji}|\p{Extended_Pictographic}\ufe0f?)$/v.test(text))
      throw new BridgeError("INVALID_PARAMS", "An agent's reaction must be one emoji");
    // A reaction has no other place for the agent's name.
    return { ...message, text: `${text} ${agentId}` };
  }
  const hidesCode = showsCode(`${text} ${file?.name ?? ""}`);
  const lines = hidesCode ? [codeNotice] : text.split(lineBreaks).map((line) => clean(line));
  const fileName = hidesCode ? "file" : clean(file?.name ?? "");
  const marked = {
    ...message,
    text: [`Agent ${agentId} writes:`, ...lines.map((line) => `| ${line}`)].join("\n"),
    ...(file === undefined ? {} : { file: { ...file, name: `${agentId} ${fileName}` } }),
  };
  delete marked.html;
  if (html === undefined || hidesCode) return marked;
  const shown = clean(html.replaceAll(entity, fromEntity), " ");
  // A code that tags split would be whole again on the screen.
  if (showsCode(shown.replaceAll(/<[^<>]{0,100}>/gu, ""))) return marked;
  return {
    ...marked,
    html: `<p><strong>Agent ${agentId} writes:</strong></p><blockquote>${safeHtml(shown)}</blockquote>`,
  };
}

const clean = (text: string, by = ""): string =>
  text.replaceAll(deceiving, (character) => (emojiJoiners.test(character) ? character : by));

/** The character of a numeric entity, so that it is judged as what it is shown as. Markup stays an entity. */
function fromEntity(whole: string, decimal: string | undefined, hexadecimal: string | undefined): string {
  const point = decimal === undefined ? Number.parseInt(hexadecimal ?? "", 16) : Number(decimal);
  if (!(point <= 0x10ffff) || "<>&".includes(String.fromCodePoint(point))) return whole;
  return String.fromCodePoint(point);
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
