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

/** A connection, as the dispatcher uses it. */
export interface Caller extends Peer {
  readonly principal: Principal;
  readonly inFlight: InFlight<RunningCall>;
  readonly streamCredit: number;
  readonly lineBuffers: LineBuffers;
  /** Queues one line: text without its newline, or bytes with it. */
  send(line: string | LentLine): void;
  /** Resolves when the peer has taken what was queued, or is gone; undefined when little is queued. */
  writable(): Promise<void> | undefined;
  nextCorrelationId(): string;
  /** A handler that did not answer at once has ended. */
  onSettled(): void;
}

/** A result of so many characters is a long one. */
const longCharacters = 64 * 1024;

/** One call from its request to its answer. What costs something is made when it is first asked for. */
export class RunningCall implements StreamingCall<unknown> {
  readonly peer: Caller;
  readonly entry: MethodEntry;
  /** The id's text as the caller sent it; undefined for a notification. */
  readonly idText: string | undefined;
  /** Only of calls that did not answer at once. */
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly startedAt: number;
  /** Its caller's rights reach it, and its params are right. */
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

  /** Bytes that the batch of this call has gathered so far. */
  get batchBytes(): number {
    return this.#batch?.bytes ?? 0;
  }

  /** Sends the answer, once; later ones are dropped, as when a cancelled handler returns after all. */
  answer(text: string): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const said = this.idText === undefined ? undefined : text;
    if (this.#batch !== undefined) this.#batch.settle(said);
    else if (said !== undefined) this.peer.send(said);
  }

  /** Answers with a result. A long one goes out as bytes: joined to what stands around it, its text would be copied twice more. */
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
