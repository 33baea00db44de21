import { BridgeError } from "@armorclaw/protocol/errors";
import type { TokenUsage } from "../../budget/index.ts";
import type { Ask } from "./ask.ts";
import { type Json, parseObject } from "./json.ts";
import { SseDecoder, type SseEvent } from "./sse.ts";
import { readAll, type UpstreamAnswer, UpstreamFailure } from "./upstream.ts";
import type { StreamReader, Wire } from "./wire.ts";

/** Takes the events of a streamed answer, in the caller's dialect. Resolves when the next may come. */
export type Send = (event: SseEvent) => Promise<void> | void;

export interface Exchanged {
  /** The whole answer in the caller's dialect; undefined for a streamed one. */
  readonly reply: Json | undefined;
  /** As the provider reported it; undefined when it did not, or not wholly. */
  readonly usage: TokenUsage | undefined;
}

/** No token of real text is longer; a provider that has sent more bytes than this for each token that it may has sent too many. */
const bytesPerTokenMax = 16;

/** Reads a whole answer. */
export async function readReply(wire: Wire, answer: UpstreamAnswer): Promise<Exchanged> {
  const reply = parseObject(await readAll(answer));
  if (reply === undefined) throw new UpstreamFailure("unknown", "The answer is not JSON");
  return { reply: wire.reply(reply), usage: wire.usage(reply) };
}

/**
 * Passes a streamed answer on.
 * @throws BridgeError LLM_CUT when it is longer than was asked for, LLM_STREAM_FAILED when the provider ended it with an error
 */
export async function passStream(
  wire: Wire,
  ask: Ask,
  answer: UpstreamAnswer,
  outputTokens: number,
  send: Send,
): Promise<Exchanged> {
  const decoder = new SseDecoder();
  const reader = wire.reader(ask);
  for await (const piece of answer.body) {
    for (const event of decoder.push(piece)) {
      const events = reader.accept(event);
      cutAt(reader, outputTokens);
      for (const own of events) {
        const ready = send(own);
        if (ready !== undefined) await ready;
      }
    }
  }
  if (reader.failure !== undefined)
    throw new BridgeError("LLM_STREAM_FAILED", `The provider ended its answer: ${reader.failure.slice(0, 500)}`);
  if (!reader.isDone) throw new UpstreamFailure("unknown", "The answer ended before its end");
  return { reply: undefined, usage: reader.usage };
}

/** The least that was written is compared, so that an honest answer is never cut. */
function cutAt({ usage, pieces, outputBytes }: StreamReader, outputTokens: number): void {
  const written = Math.max(usage?.output ?? 0, pieces, Math.ceil(outputBytes / bytesPerTokenMax));
  if (written <= outputTokens) return;
  throw new BridgeError(
    "LLM_CUT",
    `The answer has at least ${written} tokens; ${outputTokens} were asked and paid for`,
    {
      output_tokens: written,
      output_tokens_max: outputTokens,
    },
  );
}
