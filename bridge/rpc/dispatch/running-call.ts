import assert from "node:assert/strict";
import type { Principal } from "@armorclaw/protocol";
import { resultHead, resultText, unknownId } from "../wire/envelope.ts";
import { itemLine } from "../wire/item-text.ts";
import type { LentLine, LineBuffers } from "../wire/line-buffers.ts";
import type { Batch } from "./batch.ts";
import type { Call, Peer, StreamingCall } from "./call.ts";
import type { InFlight } from "./in-flight.ts";
import type { MethodEntry } from "./method-table.ts";
import { Stream } from "./stream.ts";

/** A connection as the dispatcher uses it. */
export interface Caller extends Peer {
  readonly principal: Principal;
  readonly inFlight: InFlight<RunningCall>;
  readonly streamCredit: number;
  readonly lineBuffers: LineBuffers;
  /** Queues one line: text without its newline, or bytes with it. */
  send(line: string | LentLine): void;
  /** Resolves when the peer has read the queued output or has disconnected; undefined when little is queued. */
  writable(): Promise<void> | undefined;
  nextCorrelationId(): string;
  /** Counts a line or a member of a batch that is no request. */
  countInvalid?(): void;
  /** Called after an asynchronous handler has ended. */
  onSettled(): void;
}

/** A result with at least this many characters is sent as bytes. */
const longCharacters = 64 * 1024;

/** One call from request to answer. The signal, the correlation id and the stream are created on first use. */
export class RunningCall implements StreamingCall<unknown> {
  readonly peer: Caller;
  readonly entry: MethodEntry;
  /** The id's text as the caller sent it; undefined for a notification. */
  readonly idText: string | undefined;
  /** Set only for calls that were not answered synchronously. */
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly startedAt: number;
  /** Whether the caller's rights cover the method and the params are valid. */
  isAdmitted = false;
  readonly #batch: Batch | undefined;
  #isAnswered = false;
  #controller: AbortController | undefined;
  #interruption: { readonly reason: unknown } | undefined;
  #correlationId: string | undefined;
  #stream: Stream | undefined;

  constructor(
    peer: Caller,
    entry: MethodEntry,
    idText: string | undefined,
    batch: Batch | undefined,
    startedAt: number,
  ) {
    this.peer = peer;
    this.entry = entry;
    this.idText = idText;
    this.startedAt = startedAt;
    this.#batch = batch;
  }

  get isStreaming(): boolean {
    return this.entry.isStreaming;
  }

  get principal(): Principal {
    return this.peer.principal;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#interruption !== undefined) this.#controller.abort(this.#interruption.reason);
    }
    return this.#controller.signal;
  }

  get correlationId(): string {
    this.#correlationId ??= this.peer.nextCorrelationId();
    return this.#correlationId;
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  get isBatched(): boolean {
    return this.#batch !== undefined;
  }

  /** The bytes that the batch of this call has collected so far. */
  get batchBytes(): number {
    return this.#batch?.bytes ?? 0;
  }

  /** Sends the first answer and drops later ones, for example when a cancelled handler returns a value. */
  answer(text: string): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const said = this.idText === undefined ? undefined : text;
    if (this.#batch !== undefined) this.#batch.settle(said);
    else if (said !== undefined) this.peer.send(said);
  }

  /** Answers with a result. A long result is sent as bytes: concatenating its text would copy it twice more. */
  succeed(json: string): void {
    const { idText } = this;
    if (json.length < longCharacters || idText === undefined || this.#batch !== undefined || this.#isAnswered) {
      this.answer(idText === undefined ? "" : resultText(idText, json));
      return;
    }
    this.#isAnswered = true;
    this.peer.send(this.peer.lineBuffers.compose([resultHead(idText), json, "}\n"]));
  }

  /**
   * Answers with a result whose JSON is in parts.
   * @param check throws when so many bytes are too many
   */
  succeedInParts(parts: readonly string[], check: (bytes: number) => void): void {
    const { lineBuffers } = this.peer;
    const line = [resultHead(this.idText ?? unknownId), ...parts, "}\n"];
    const bytes = lineBuffers.lengthOf(line);
    check(bytes);
    this.#isAnswered = true;
    this.peer.send(lineBuffers.compose(line, bytes));
  }

  async write(item: unknown): Promise<void> {
    assert(this.isStreaming, `${this.entry.name} declares no stream`);
    const stream = this.#openStream();
    const seq = stream.take();
    this.entry.checks?.item(JSON.parse(JSON.stringify(item)));
    const head = `{"jsonrpc":"2.0","method":"rpc.stream","params":{"id":${this.idText},"seq":${seq},"item":`;
    this.peer.send(itemLine(head, item, "}}", this.peer.lineBuffers));
    await stream.ready();
    await this.peer.writable();
  }

  grant(items: number): void {
    this.#openStream().grant(items);
  }

  /** Aborts the signal and a pending write. Does not answer. */
  abort(reason: unknown): void {
    this.#interruption ??= { reason };
    this.#controller?.abort(reason);
    this.#stream?.end(reason);
  }

  #openStream(): Stream {
    if (this.#stream === undefined) {
      this.#stream = new Stream(this.peer.streamCredit);
      if (this.#interruption !== undefined) this.#stream.end(this.#interruption.reason);
    }
    return this.#stream;
  }
}

/** The calls in flight on the connection that a call came in by, for the methods that act on them. */
export function inFlightOf(call: Call): InFlight<RunningCall> {
  assert(call instanceof RunningCall, "Only a call from the wire has others beside it");
  return call.peer.inFlight;
}
