import { isUtf8 } from "node:buffer";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { methods } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import * as z from "zod";
import { errorText, idText, resultText, unknownId } from "../wire/envelope.ts";

/** Time for the first message of a peer that is not known yet, and its most bytes. */
const deadlineMs = 10_000;
export const firstMessageBytesMax = 16_384;

const FirstMessage = z.object({
  jsonrpc: z.literal("2.0"),
  id: z.union([z.string(), z.number(), z.null()]).default(null),
  method: z.literal("rpc.authenticate"),
  params: methods["rpc.authenticate"].params,
});

/** What came of a first message, and the line that says so. */
export type Welcome<P> =
  | { readonly principal: P; readonly answer: string }
  | { readonly refusal: BridgeError; readonly answer: string };

/**
 * Reads the first message, which has to be `rpc.authenticate`; what follows it stays in the stream. Never rejects.
 * @param identify returns the token's principal, or throws the error for the peer
 */
export async function readFirstMessage<P extends { readonly id: string; readonly role: string }>(
  lines: Duplex,
  identify: (token: string) => P | Promise<P>,
): Promise<Welcome<P>> {
  let id = unknownId;
  try {
    const parsed = FirstMessage.safeParse(JSON.parse(await firstLineOf(lines)));
    if (!parsed.success) throw new BridgeError("UNAUTHENTICATED", "The first message has to be rpc.authenticate");
    id = idText(parsed.data.id);
    const principal = await identify(parsed.data.params.token);
    return { principal, answer: resultText(id, JSON.stringify({ principal: principal.id, role: principal.role })) };
  } catch (error) {
    const refusal = error instanceof BridgeError ? error : new BridgeError("UNAUTHENTICATED");
    return { refusal, answer: errorText(id, refusal.toWire()) };
  }
}

async function firstLineOf(lines: Duplex): Promise<string> {
  const gone = new AbortController();
  const onGone = () => gone.abort();
  lines.once("end", onGone).once("close", onGone);
  const signal = AbortSignal.any([AbortSignal.timeout(deadlineMs), gone.signal]);
  try {
    let text = Buffer.alloc(0);
    while (text.length <= firstMessageBytesMax) {
      const piece = lines.read() as Buffer | null;
      if (piece === null) {
        await once(lines, "readable", { signal });
        continue;
      }
      text = Buffer.concat([text, piece]);
      const end = text.indexOf("\n");
      if (end === -1) continue;
      if (end + 1 < text.length) lines.unshift(text.subarray(end + 1));
      if (!isUtf8(text.subarray(0, end))) throw new BridgeError("PARSE_ERROR", "The first message is not UTF-8");
      return text.toString("utf8", 0, end);
    }
    throw new BridgeError("FRAME_TOO_LARGE");
  } finally {
    lines.off("end", onGone).off("close", onGone);
  }
}
