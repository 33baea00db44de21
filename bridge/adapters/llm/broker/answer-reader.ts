import { BridgeError } from "@armorclaw/protocol/errors";
import type { TokenUsage } from "../../../budget/index.ts";
import type { DialectName, ModelEvent } from "../codecs/chat-request.ts";
import type { ProviderDialect } from "../codecs/dialect.ts";
import { type Json, parseObject } from "../codecs/json.ts";
import { SseDecoder, type SseEvent } from "../codecs/sse.ts";
import { readAll, type UpstreamAnswer, UpstreamFailure } from "./upstream.ts";

/** Takes an answer for its caller. */
export interface AnswerSink {
  /** The dialect that it passes on unchanged; undefined when it reads events alone. */
  readonly dialect: DialectName | undefined;
  /** The call is made, with this bound for its answer. */
  begin(outputTokens: number): void;
  /**
   * Takes what one event of the provider's stream means, and the event itself where the provider speaks the sink's dialect.
   * A whole answer comes as one call without a source.
   */
  take(events: readonly ModelEvent[], source: SseEvent | undefined): void;
  /** Takes the text of a whole answer, where the provider speaks the sink's dialect. */
  takeWhole(events: readonly ModelEvent[], source: string | undefined): void;
  /** Resolves when the next events may come, so that a slow reader slows its provider. */
  flush(): Promise<void> | undefined;
  /** The stream is whole. The call is booked after this, so that its caller need not wait for the ledger. */
  end(): void;
}

/** No token of ordinary text is longer. A provider that sent more bytes than this for each token sent too many tokens. */
const bytesPerTokenMax = 16;

/** The provider has answered and will bill it, so that the same request is not sent again. */
const unreadable = (why: string): BridgeError =>
  new BridgeError("LLM_STREAM_FAILED", `The provider's answer cannot be read: ${why}`);

/** Reads one answer of a provider, passes it to the sink, and keeps what the answer is known to have cost. */
export class AnswerReader {
  readonly #dialect: ProviderDialect;
  readonly #sink: AnswerSink;
  readonly #outputTokens: number;
  readonly #isSameDialect: boolean;
  #usage: TokenUsage | undefined;
  #hasFinished = false;
  #hasEnded = false;
  #bytes = 0;
  /** Whether the sink was given a part of the answer, so that no other answer can take its place. */
  hasSent = false;

  constructor(dialect: ProviderDialect, sink: AnswerSink, outputTokens: number) {
    this.#dialect = dialect;
    this.#sink = sink;
    this.#outputTokens = outputTokens;
    this.#isSameDialect = dialect.name === sink.dialect;
  }

  /**
   * As the provider reported it for the whole answer, but no less than its text shows. Figures from before the answer's end are no
   * totals, and figures of a prompt without a token are none at all.
   */
  get usage(): TokenUsage | undefined {
    const usage = this.#hasFinished || this.#hasEnded ? this.#usage : undefined;
    if (usage === undefined || usage.input === 0) return undefined;
    return { ...usage, output: Math.max(usage.output, this.#tokensWritten) };
  }

  get #tokensWritten(): number {
    return Math.ceil(this.#bytes / bytesPerTokenMax);
  }

  /** @throws UpstreamFailure, or BridgeError LLM_STREAM_FAILED */
  async readWhole(answer: UpstreamAnswer): Promise<void> {
    const text = await readAll(answer);
    const events = this.#decodeWhole(text);
    this.#cutIfTooLong();
    this.#sink.takeWhole(events, this.#isSameDialect ? text : undefined);
  }

  /**
   * @throws BridgeError LLM_CUT when the answer is longer than was asked for, LLM_STREAM_FAILED when the provider ended it with an error
   * @throws UpstreamFailure when nothing of the answer came, or it broke off
   */
  async readStream(answer: UpstreamAnswer): Promise<void> {
    // A server that does not stream, or that refuses, answers with JSON.
    if (answer.isJson) {
      const events = this.#decodeWhole(await readAll(answer));
      this.#cutIfTooLong();
      this.hasSent = true;
      this.#sink.take(events, undefined);
      await this.#sink.flush();
      this.#sink.end();
      return;
    }
    const decoder = new SseDecoder();
    const stream = this.#dialect.streamDecoder();
    let hasEvents = false;
    const take = (event: SseEvent): void => {
      const events = stream.decode(event);
      if (events === undefined) return;
      hasEvents = true;
      for (const one of events) this.#note(one);
      this.#cutIfTooLong();
      this.hasSent = true;
      this.#sink.take(events, this.#isSameDialect ? event : undefined);
    };
    try {
      for await (const piece of answer.body) {
        for (const event of decoder.push(piece)) take(event);
        const ready = this.#sink.flush();
        if (ready !== undefined) await ready;
      }
      for (const event of decoder.end()) take(event);
    } finally {
      // What came before an error is the caller's, too.
      await this.#sink.flush();
    }
    if (!hasEvents) throw unreadable("it holds no event of the provider's dialect");
    if (!this.#hasEnded && !this.#hasFinished) throw new UpstreamFailure("unknown", "The answer ended before its end");
    if (!this.#hasEnded) {
      this.#sink.take([{ type: "end" }], undefined);
      await this.#sink.flush();
    }
    this.#sink.end();
  }

  #decodeWhole(text: string): readonly ModelEvent[] {
    const answer: Json | undefined = parseObject(text);
    if (answer === undefined) throw unreadable("it is not a JSON object");
    const events = this.#dialect.decodeAnswer(answer);
    for (const event of events) this.#note(event);
    return events;
  }

  #note(event: ModelEvent): void {
    switch (event.type) {
      case "text":
      case "reasoning":
        this.#bytes += Buffer.byteLength(event.text);
        return;
      case "toolCall":
        this.#bytes += Buffer.byteLength(event.arguments);
        return;
      case "usage":
        this.#usage = event.usage;
        return;
      case "finish":
        this.#hasFinished = true;
        return;
      case "end":
        this.#hasEnded = true;
        return;
      case "failure":
        throw this.#failureOf(event);
      default:
    }
  }

  /** An error in place of an answer is the refusal that another server sends with a status; after a part of the answer it ends the call. */
  #failureOf({ message, status = 500 }: ModelEvent & { type: "failure" }): Error {
    const text = message.slice(0, 500);
    if (this.#bytes > 0 || this.#hasFinished)
      return new BridgeError("LLM_STREAM_FAILED", `The provider ended its answer with an error: ${text}`);
    const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 409 && status !== 429;
    return new UpstreamFailure(isRefusal ? "refused" : "busy", text, { status });
  }

  /** Bytes are compared with the fewest tokens that they can be, so that an honest answer is never cut. */
  #cutIfTooLong(): void {
    const reported = this.#hasFinished ? 0 : (this.#usage?.output ?? 0);
    const written = Math.max(reported, this.#tokensWritten);
    if (written <= this.#outputTokens) return;
    throw new BridgeError(
      "LLM_CUT",
      `The answer has at least ${written} tokens; the request asked for at most ${this.#outputTokens}`,
      { output_tokens: written, output_tokens_max: this.#outputTokens },
    );
  }
}
