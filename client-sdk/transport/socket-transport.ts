import type { Socket } from "node:net";
import { limits } from "@armorclaw/protocol/limits";
import { LineSplitter } from "./line-splitter.ts";
import { LongLines, longLineChars } from "./long-lines.ts";
import { openSocket } from "./open-socket.ts";
import type { OpenTransport, Transport, TransportEvents } from "./transport.ts";

/** Text that is written at once rather than at the end of the tick. */
const flushChars = 64 * 1024;
/** Unsent bytes above which `send` asks its caller to hold. */
const highWaterBytes = 1024 * 1024;
/** A Unix socket holds some 208 KiB, so that one read takes all there is. */
const readBytesMax = 256 * 1024;
/** How long a peer that does not read may delay `close`. */
const closeDeadlineMs = 1_000;

/**
 * Newline-delimited JSON over a Unix socket or, on Windows, a named pipe. It reads into one buffer of its own: Node would allocate
 * 64 KiB for each read, which costs as much as the rest of a small call.
 * @param lineBytesMax the longest line that is taken
 */
export function socketTransport(path: string, lineBytesMax: number = limits.replyBytesMax): OpenTransport {
  return async (events, signal) => {
    const buffer = Buffer.allocUnsafeSlow(readBytesMax);
    let receive = (_: Buffer): void => undefined;
    const callback = (bytes: number) => {
      receive(buffer.subarray(0, bytes));
      return true;
    };
    const socket = await openSocket(path, signal, { onread: { buffer, callback } });
    const transport = new SocketTransport(socket, lineBytesMax, events);
    receive = transport.receive;
    return transport;
  };
}

class SocketTransport implements Transport {
  readonly #socket: Socket;
  readonly #onLine: (line: string) => void;
  readonly #splitter: LineSplitter;
  readonly #longLines: LongLines;
  #pending = "";
  #holding = false;
  #closing = false;
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, lineBytesMax: number, events: TransportEvents) {
    this.#socket = socket;
    this.#splitter = new LineSplitter(lineBytesMax);
    this.#longLines = new LongLines(socket);
    let reason: Error | undefined;
    this.#onLine = (line) => {
      if (!socket.destroyed) events.onLine(line);
    };
    socket.on("drain", () => {
      this.#holding = false;
      events.onDrain();
    });
    socket.on("error", (error) => {
      reason = error;
    });
    socket.once("close", () => {
      this.#closing = true;
      clearTimeout(this.#closeTimer);
      events.onClose(reason);
    });
  }

  /** Takes bytes that are valid only while this runs. */
  readonly receive = (chunk: Buffer): void => {
    try {
      this.#splitter.push(chunk, this.#onLine);
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  };

  send(line: string): boolean {
    if (this.#closing) return false;
    if (line.length >= longLineChars) {
      this.#flush();
      if (!this.#socket.destroyed) this.#holdUnless(this.#longLines.write(line));
      return !this.#holding;
    }
    if (this.#pending === "") process.nextTick(() => this.#flush());
    this.#pending += `${line}\n`;
    if (this.#pending.length >= flushChars) this.#flush();
    return !this.#holding;
  }

  close(): void {
    if (this.#closing) return;
    this.#flush();
    this.#closing = true;
    this.#socket.destroySoon();
    this.#closeTimer = setTimeout(() => this.#socket.destroy(), closeDeadlineMs);
  }

  #flush(): void {
    if (this.#pending === "" || this.#socket.destroyed) return;
    const text = this.#pending;
    this.#pending = "";
    this.#holdUnless(this.#socket.write(text));
  }

  /** A write that answers false is always followed by `drain`, which ends the hold. */
  #holdUnless(mayGoOn: boolean): void {
    if (!mayGoOn && this.#socket.writableLength > highWaterBytes) this.#holding = true;
  }
}
