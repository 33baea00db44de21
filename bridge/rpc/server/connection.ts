import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { InFlight } from "../dispatch/in-flight.ts";
import type { Caller, RunningCall } from "../dispatch/running-call.ts";
import { looksLikeHttp } from "../http/http-takeover.ts";
import { errorText, lineKind, parseError, unknownId } from "../wire/envelope.ts";
import { mayHoldRiskyNumber } from "../wire/exact-json.ts";
import { LineReader, type LineSink } from "../wire/framing.ts";
import type { LentLine, LineBuffers } from "../wire/line-buffers.ts";
import { QueueWatch } from "../wire/queue-watch.ts";
import { Outbox } from "../wire/write-queue.ts";
import type { ConnectionDeps } from "./connection-deps.ts";

/** One peer's socket: lines in, answers and pushes out, and both bounded. */
export class Connection implements Caller, LineSink {
  readonly id: number;
  readonly principal: Principal;
  readonly inFlight: InFlight<RunningCall>;
  readonly lineBuffers: LineBuffers;
  readonly nextCorrelationId: () => string;
  readonly #socket: Duplex;
  readonly #deps: ConnectionDeps;
  readonly #reader: LineReader;
  readonly #outbox: Outbox;
  readonly #queueWatch: QueueWatch;
  readonly #closeListeners: (() => void)[] = [];
  readonly #writableWaiters: (() => void)[] = [];
  /** Lines that were read but must wait: the output or the calls in flight are at their bound. */
  #backlog: string[] = [];
  #countedPartial = 0;
  #partialSince = 0;
  #isReading = false;
  #isPaused = false;
  #hasSpoken = false;
  #hasEnded = false;
  #isCut = false;
  /** The peer speaks HTTP: the socket is here only to be counted and closed. */
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
    this.#reader = new LineReader(this, deps.partialBuffers);
    this.#outbox = new Outbox(socket, deps.joinedLines, deps.flusher);
    this.#queueWatch = new QueueWatch(deps.limits);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("end", () => this.#onEnd());
    socket.on("drain", () => this.#onDrain());
    // An error is always followed by `close`, and says no more than that the peer is gone.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#onClose());
  }

  /** Whether it has sent a whole line. */
  get hasSpoken(): boolean {
    return this.#hasSpoken;
  }

  get streamCredit(): number {
    return this.#hasEnded ? Number.POSITIVE_INFINITY : this.#deps.limits.streamCredit;
  }

  send(line: string | LentLine): void {
    this.#outbox.add(line, this.#isReading);
  }

  push(line: Uint8Array): boolean {
    if (this.#isClosed || this.#isCut) return false;
    this.#outbox.push(line, this.#isReading);
    this.#dropIfSlow();
    return !this.#isCut;
  }

  onClose(listener: () => void): void {
    if (this.#isClosed) listener();
    else this.#closeListeners.push(listener);
  }

  writable(): Promise<void> | undefined {
    if (this.#isClosed || this.#outbox.unsent <= this.#deps.limits.readPauseBytes) return undefined;
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
    const rest = this.#backlog.length > 0 ? text : this.#consume(text);
    if (rest !== undefined) this.#backlog.push(rest);
  }

  onInvalidLine(): void {
    this.send(errorText(unknownId, parseError(undefined)));
  }

  /** Looks at what has a deadline. Called now and then by the server. */
  sweep(now: number): void {
    const { limits } = this.#deps;
    if (this.#isHandedOver) return;
    this.inFlight.expire(now);
    if (this.#hasEnded) this.#destroyIfGone();
    if (this.#reader.partialBytes > 0 && now - this.#partialSince >= limits.lineDeadlineMs) {
      this.cut(new BridgeError("TIMED_OUT", `A line did not end within ${limits.lineDeadlineMs} ms`));
    }
    this.#dropIfSlow();
    // `drain` tells that all has been taken; a peer that is always being pushed to may never get there.
    if (!this.#isClosed && this.#outbox.unsent <= limits.readPauseBytes) this.#onDrain();
  }

  /** Says why, ends our half, and reads nothing more. The server destroys what is left after a while. */
  cut(reason: BridgeError): void {
    if (this.#isCut || this.#isClosed) return;
    this.#isCut = true;
    this.#backlog = [];
    this.#reader.discard();
    this.#countPartial();
    this.inFlight.interruptAll(new BridgeError("CANCELLED", "The connection was ended", undefined, { cause: reason }));
    if (!this.#isHandedOver) this.#outbox.add(errorText(unknownId, reason.toWire()), true);
    this.end();
    this.#deps.onCut(reason, false);
  }

  /**
   * Ends it once everything queued is out. What still comes in is thrown away rather than left in the kernel: closing over
   * unread bytes resets the connection, and the peer would lose the last lines.
   */
  end(): void {
    this.#isCut = true;
    if (this.#isHandedOver) {
      this.#socket.destroy();
      return;
    }
    this.#outbox.flush();
    this.#socket.end();
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#isCut) return;
    if (!this.#hasSpoken && this.#handOver(chunk)) return;
    this.#isReading = true;
    const isNewLine = this.#reader.partialBytes === 0;
    const isBegun = this.#reader.push(chunk) || isNewLine;
    if (isBegun && this.#reader.partialBytes > 0) this.#partialSince = this.#deps.monotonic();
    this.#countPartial();
    this.#isReading = false;
    // Pushes that these lines caused go out before the answers: a subscriber waits for nothing, a caller for its own work.
    this.#deps.flusher.flush();
    this.#outbox.flush();
    if (!this.#isPaused && (this.#backlog.length > 0 || this.#isFull())) {
      this.#isPaused = true;
      this.#socket.pause();
    }
  }

  /** @returns whether the peer begins to speak HTTP, and is served as such from here on */
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

  /** @returns what must wait, when the connection is at a bound */
  #consume(text: string): string | undefined {
    const isRisky = mayHoldRiskyNumber(text);
    let start = 0;
    while (start <= text.length && !this.#isCut) {
      if (this.#isFull()) return text.slice(start);
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
      this.cut(new BridgeError("PARSE_ERROR", "This socket speaks JSON-RPC, one value per line, and not HTTP"));
      return;
    }
    this.#outbox.hold();
    dispatcher.line(line, isRisky, this);
    this.#outbox.release(this.#isReading);
  }

  #isFull(): boolean {
    const { readPauseBytes, inFlightMax } = this.#deps.limits;
    return this.#outbox.unsent > readPauseBytes || this.inFlight.handlers >= inFlightMax;
  }

  #resume(): void {
    this.#isReading = true;
    while (this.#backlog.length > 0 && !this.#isCut) {
      const rest = this.#consume(this.#backlog[0] ?? "");
      if (rest !== undefined) {
        this.#backlog[0] = rest;
        break;
      }
      this.#backlog.shift();
    }
    this.#isReading = false;
    this.#outbox.flush();
    if (this.#backlog.length > 0 || this.#isFull()) return;
    this.#isPaused = false;
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
    this.#countPartial();
    this.inFlight.grantAll();
    this.#finishIfDone();
  }

  /** A peer that has closed reads as one that has half-closed, and would keep its calls running for no one. */
  #destroyIfGone(): boolean {
    const isGone = this.#socket instanceof Socket && this.#deps.hasHungUp?.(this.#socket) === true;
    if (isGone) this.#socket.destroy();
    return isGone;
  }

  /** A peer that has half-closed is answered in full first. */
  #finishIfDone(): void {
    if (this.#hasEnded && this.inFlight.unanswered === 0 && this.#backlog.length === 0) this.end();
  }

  #onClose(): void {
    this.#isClosed = true;
    this.#backlog = [];
    this.#reader.discard();
    this.#countPartial();
    this.inFlight.interruptAll(new BridgeError("CANCELLED", "The connection has closed"));
    for (const resolve of this.#writableWaiters.splice(0)) resolve();
    for (const listener of this.#closeListeners.splice(0)) listener();
  }

  #countPartial(): void {
    const { share, limits } = this.#deps;
    const { partialBytes } = this.#reader;
    if (partialBytes === this.#countedPartial) return;
    share.partialBytes += partialBytes - this.#countedPartial;
    this.#countedPartial = partialBytes;
    if (partialBytes > limits.frameBytesMax) this.#cutTooLong();
    if (share.partialBytes > limits.partialBytesMax) {
      this.cut(new BridgeError("FRAME_TOO_LARGE", "The unfinished lines of all connections are too long together"));
    }
  }

  #cutTooLong(): void {
    const { frameBytesMax } = this.#deps.limits;
    this.cut(new BridgeError("FRAME_TOO_LARGE", `A line is longer than ${frameBytesMax} bytes`));
  }

  /** A peer that does not read is not told either: the reason goes to the log and the figures. */
  #dropIfSlow(): void {
    if (this.#isCut || this.#isClosed) return;
    if (!this.#queueWatch.isOverdue(this.#outbox.unsent, this.#deps.monotonic)) return;
    this.#isCut = true;
    this.#socket.destroy();
    this.#deps.onCut(new BridgeError("TIMED_OUT", "The peer did not read what was queued for it"), true);
  }
}
