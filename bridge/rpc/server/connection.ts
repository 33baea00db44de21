import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Timer } from "../../platform/clock.ts";
import { InFlight } from "../dispatch/in-flight.ts";
import type { Caller, RunningCall } from "../dispatch/running-call.ts";
import { looksLikeHttp } from "../http/http-takeover.ts";
import { errorText, lineKind, parseError, unknownId } from "../wire/envelope.ts";
import { mayHoldRiskyNumber } from "../wire/exact-json.ts";
import { LineReader, type LineSink } from "../wire/framing.ts";
import type { LentLine, LineBuffers } from "../wire/line-buffers.ts";
import { QueueWatch } from "../wire/queue-watch.ts";
import { WriteQueue } from "../wire/write-queue.ts";
import type { ConnectionDeps } from "./connection-deps.ts";

/** Work that took at least so long is worth a report when the loop was late. */
const longWorkMs = 50;
/** Reading the clock for each line would cost as much as the shortest lines. */
const linesPerLook = 8;

/** Reads lines from one peer's socket and writes answers and pushes to it. Both directions are bounded. */
export class Connection implements Caller, LineSink {
  readonly id: number;
  readonly principal: Principal;
  readonly inFlight: InFlight<RunningCall>;
  readonly lineBuffers: LineBuffers;
  readonly nextCorrelationId: () => string;
  readonly #socket: Duplex;
  readonly #deps: ConnectionDeps;
  readonly #reader: LineReader;
  readonly #writeQueue: WriteQueue;
  readonly #queueWatch: QueueWatch;
  readonly #closeListeners: (() => void)[] = [];
  readonly #writableWaiters: (() => void)[] = [];
  /** Lines that were read while the output or the calls in flight were at their limit. */
  #backlog: { text: string; readonly isRisky: boolean }[] = [];
  #countedHeld = 0;
  /** Runs while the connection is not read because its principal has taken more than its share, or the others have a turn. */
  #rest: Timer | undefined;
  #turnEndsAt = Number.POSITIVE_INFINITY;
  #partialSince = 0;
  #isReading = false;
  #isPaused = false;
  #hasSpoken = false;
  #hasEnded = false;
  #isCut = false;
  /** Whether an HTTP server reads the socket. The connection then only counts and closes it. */
  #isHandedOver = false;
  #isClosed = false;

  constructor(socket: Duplex, deps: ConnectionDeps) {
    this.id = deps.id;
    this.principal = deps.principal;
    this.lineBuffers = deps.lineBuffers;
    this.nextCorrelationId = deps.nextCorrelationId;
    this.#socket = socket;
    this.#deps = deps;
    this.inFlight = new InFlight((call, reason) => deps.dispatcher.fail(call, reason));
    this.#reader = new LineReader(this, deps.longBuffers);
    this.#writeQueue = new WriteQueue(socket, deps.joinedLines, deps.flusher);
    this.#queueWatch = new QueueWatch(deps.limits);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("end", () => this.#onEnd());
    socket.on("drain", () => this.#onDrain());
    // An error is always followed by `close` and means only that the peer has disconnected.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#onClose());
  }

  /** Whether the peer has sent a whole line. */
  get hasSpoken(): boolean {
    return this.#hasSpoken;
  }

  get streamCredit(): number {
    return this.#hasEnded ? Number.POSITIVE_INFINITY : this.#deps.limits.streamCredit;
  }

  send(line: string | LentLine): void {
    this.#writeQueue.add(line, this.#isReading);
  }

  push(line: Uint8Array): boolean {
    if (this.#isClosed || this.#isCut) return false;
    this.#writeQueue.push(line, this.#isReading);
    this.#dropIfSlow();
    return !this.#isCut;
  }

  onClose(listener: () => void): void {
    if (this.#isClosed) listener();
    else this.#closeListeners.push(listener);
  }

  writable(): Promise<void> | undefined {
    if (this.#isClosed || this.#writeQueue.unsent <= this.#deps.limits.readPauseBytes) return undefined;
    return new Promise((resolve) => {
      this.#writableWaiters.push(resolve);
    });
  }

  onSettled(): void {
    if (this.#isPaused) this.#resume();
    this.#finishIfDone();
    this.#deps.onSettled();
  }

  onLines(text: string): void {
    const isRisky = mayHoldRiskyNumber(text);
    const rest = this.#backlog.length > 0 ? text : this.#consume(text, isRisky);
    if (rest !== undefined) this.#backlog.push({ text: rest, isRisky });
  }

  onInvalidLine(): void {
    this.countInvalid();
    this.send(errorText(unknownId, parseError(undefined)));
  }

  countInvalid(): void {
    const { share, limits, monotonic, onInvalid } = this.#deps;
    onInvalid();
    if (this.#isUnbounded || !share.countInvalid(monotonic())) return;
    const message = `${this.principal.id} sent more than ${limits.invalidPerS} lines a second that are no requests`;
    this.cut(new BridgeError("RATE_LIMITED", message));
  }

  /** Enforces the deadlines. The server calls it several times within the shortest deadline. */
  sweep(now: number): void {
    const { limits } = this.#deps;
    if (this.#isHandedOver) return;
    this.inFlight.expire(now);
    if (this.#hasEnded) this.#destroyIfGone();
    const isLate = this.#reader.partialBytes > 0 && now - this.#partialSince >= limits.lineDeadlineMs;
    // The peer cannot end a line while it is not read.
    if (isLate && !this.#isPaused) {
      this.cut(new BridgeError("TIMED_OUT", `A line did not end within ${limits.lineDeadlineMs} ms`));
    }
    this.#dropIfSlow();
    // Node emits `drain` only after the whole queue was written, which may never happen under constant pushes.
    if (!this.#isClosed && this.#writeQueue.unsent <= limits.readPauseBytes) this.#onDrain();
  }

  /** Sends the reason, ends the writable side and reads nothing more. The server destroys the socket after `lingerMs`. */
  cut(reason: BridgeError): void {
    if (this.#isCut || this.#isClosed) return;
    this.#isCut = true;
    this.#backlog = [];
    this.#reader.discard();
    this.#countHeld();
    this.inFlight.interruptAll(
      new BridgeError("CANCELLED", "The bridge closed the connection", undefined, { cause: reason }),
    );
    if (!this.#isHandedOver) this.#writeQueue.add(errorText(unknownId, reason.toWire()), true);
    this.end(reason);
    this.#deps.onCut(reason, false);
  }

  /**
   * Ends it once everything queued is out. What still comes in is thrown away rather than left in the kernel: closing over
   * unread bytes resets the connection, and the peer would lose the last lines.
   * @param reason why the bridge ends it; left out when the peer ended it
   */
  end(reason?: BridgeError): void {
    this.#isCut = true;
    if (reason !== undefined) this.#deps.onEnding?.(reason);
    if (this.#isHandedOver) {
      this.#socket.destroy();
      return;
    }
    this.#writeQueue.flush();
    this.#socket.end();
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#isCut) return;
    if (!this.#hasSpoken && this.#handOver(chunk)) return;
    const begunAt = this.#begin();
    const isNewLine = this.#reader.partialBytes === 0;
    const isBegun = this.#reader.push(chunk) || isNewLine;
    if (isBegun && this.#reader.partialBytes > 0) this.#partialSince = this.#deps.monotonic();
    this.#countHeld();
    this.#isReading = false;
    // Pushes that these lines caused are written before the answers, so that a subscriber does not wait for the caller's write.
    this.#deps.flusher.flush();
    this.#writeQueue.flush();
    this.#book(begunAt, chunk.length);
    if (!this.#isPaused && (this.#backlog.length > 0 || this.#isFull())) {
      this.#isPaused = true;
      this.#socket.pause();
    }
  }

  /** Principals of the role admin have no share: what they do, the operator wants. */
  get #isUnbounded(): boolean {
    return this.principal.role === "admin";
  }

  /** Begins a turn. @returns when */
  #begin(): number {
    this.#isReading = true;
    const now = this.#deps.monotonic();
    this.#turnEndsAt = now + this.#deps.limits.turnMs;
    // Another connection may have used up the share.
    if (!this.#isUnbounded) this.#pauseFor(this.#deps.share.spend(0, 0, now));
    return now;
  }

  /** Books a turn, and lets the connection rest when its principal has taken more than its share. */
  #book(begunAt: number, bytes: number): void {
    const { share, monotonic, limits, dispatcher, onLongWork } = this.#deps;
    const now = monotonic();
    const ms = now - begunAt;
    if (ms >= longWorkMs) onLongWork({ principal: this.principal.id, method: dispatcher.lastMethod, bytes, ms });
    if (!this.#isUnbounded) this.#pauseFor(share.spend(ms, bytes, now));
    else if (this.#backlog.length > 0 && ms >= limits.turnMs) this.#pauseFor(1);
  }

  #pauseFor(ms: number): void {
    if (ms <= 0 || this.#rest !== undefined || this.#isCut || this.#isClosed) return;
    this.#rest = this.#deps.after(ms, () => {
      this.#rest = undefined;
      if (!this.#isPaused) return;
      this.#resume();
      this.#finishIfDone();
    });
  }

  /** @returns whether the peer sends HTTP, and the HTTP server has taken over the socket */
  #handOver(chunk: Buffer): boolean {
    const { http, principal } = this.#deps;
    const socket = this.#socket;
    if (http === undefined || this.#reader.partialBytes > 0 || !looksLikeHttp(chunk) || !(socket instanceof Socket))
      return false;
    this.#hasSpoken = true;
    this.#isHandedOver = true;
    for (const event of ["data", "end", "drain"]) socket.removeAllListeners(event);
    http(socket, principal, chunk);
    return true;
  }

  /** @returns the text that must wait because the connection is at a limit */
  #consume(text: string, isRisky: boolean): string | undefined {
    let start = 0;
    for (let lines = 1; start <= text.length && !this.#isCut; lines++) {
      if (this.#isFull()) return text.slice(start);
      if (lines % linesPerLook === 0 && this.#deps.monotonic() >= this.#turnEndsAt) {
        this.#pauseFor(1);
        return text.slice(start);
      }
      const found = text.indexOf("\n", start);
      const end = found === -1 ? text.length : found;
      this.#line(start === 0 && end === text.length ? text : text.slice(start, end), isRisky);
      start = end + 1;
    }
    return undefined;
  }

  #line(line: string, isRisky: boolean): void {
    const { dispatcher, limits } = this.#deps;
    this.#hasSpoken = true;
    if (line.length * 3 > limits.frameBytesMax && Buffer.byteLength(line) > limits.frameBytesMax) {
      this.#cutTooLong();
      return;
    }
    const kind = lineKind(line);
    if (kind === "blank") return;
    if (kind === "http") {
      this.cut(new BridgeError("PARSE_ERROR", "This socket serves JSON-RPC, one value per line, and not HTTP"));
      return;
    }
    this.#writeQueue.hold();
    dispatcher.line(line, isRisky, this);
    this.#writeQueue.release(this.#isReading);
  }

  #isFull(): boolean {
    const { readPauseBytes, inFlightMax } = this.#deps.limits;
    if (this.#rest !== undefined) return true;
    return this.#writeQueue.unsent > readPauseBytes || this.inFlight.handlers >= inFlightMax;
  }

  #resume(): void {
    const begunAt = this.#begin();
    for (let [first] = this.#backlog; first !== undefined && !this.#isCut; [first] = this.#backlog) {
      const rest = this.#consume(first.text, first.isRisky);
      if (rest !== undefined) {
        first.text = rest;
        break;
      }
      this.#backlog.shift();
    }
    this.#countHeld();
    this.#isReading = false;
    this.#writeQueue.flush();
    this.#book(begunAt, 0);
    if (this.#backlog.length > 0 || this.#isFull()) return;
    this.#isPaused = false;
    this.#partialSince = this.#deps.monotonic();
    this.#socket.resume();
  }

  #onDrain(): void {
    for (const resolve of this.#writableWaiters.splice(0)) resolve();
    if (this.#isPaused) this.#resume();
    this.#finishIfDone();
  }

  #onEnd(): void {
    this.#hasEnded = true;
    if (this.#destroyIfGone()) return;
    if (!this.#isCut) this.#reader.end();
    this.#countHeld();
    if (this.#backlog.length > 0) this.#isPaused = true;
    this.inFlight.grantAll();
    this.#finishIfDone();
  }

  /** A closed peer looks like a half-closed one. Without this check its calls would continue without a reader. */
  #destroyIfGone(): boolean {
    const isGone = this.#socket instanceof Socket && this.#deps.hasHungUp?.(this.#socket) === true;
    if (isGone) this.#socket.destroy();
    return isGone;
  }

  /** Ends the connection of a half-closed peer after all its calls were answered. */
  #finishIfDone(): void {
    if (this.#hasEnded && this.inFlight.unanswered === 0 && this.#backlog.length === 0) this.end();
  }

  #onClose(): void {
    this.#isClosed = true;
    this.#rest?.cancel();
    this.#backlog = [];
    this.#reader.discard();
    this.#countHeld();
    this.inFlight.interruptAll(new BridgeError("CANCELLED", "The connection has closed"));
    for (const resolve of this.#writableWaiters.splice(0)) resolve();
    for (const listener of this.#closeListeners.splice(0)) listener();
  }

  #countHeld(): void {
    const { share, limits } = this.#deps;
    const { partialBytes } = this.#reader;
    const held = this.#backlog.reduce((sum, { text }) => sum + text.length, partialBytes);
    if (held === this.#countedHeld) return;
    share.heldBytes += held - this.#countedHeld;
    this.#countedHeld = held;
    if (partialBytes > limits.frameBytesMax) this.#cutTooLong();
    if (share.heldBytes > limits.partialBytesMax) {
      this.cut(
        new BridgeError(
          "FRAME_TOO_LARGE",
          "The unfinished and the waiting lines of all the principal's connections are too long together",
        ),
      );
    }
  }

  #cutTooLong(): void {
    const { frameBytesMax } = this.#deps.limits;
    this.cut(new BridgeError("FRAME_TOO_LARGE", `A line is longer than ${frameBytesMax} bytes`));
  }

  /** A peer that does not read cannot receive an error, so the reason is only logged and counted. */
  #dropIfSlow(): void {
    if (this.#isCut || this.#isClosed) return;
    if (!this.#queueWatch.isOverdue(this.#writeQueue.unsent, this.#deps.monotonic)) return;
    this.#isCut = true;
    this.#socket.destroy();
    this.#deps.onCut(new BridgeError("TIMED_OUT", "The peer did not read its queued output in time"), true);
  }
}
