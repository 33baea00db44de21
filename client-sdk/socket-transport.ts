import type { Socket } from "node:net";
import { limits } from "@armorclaw/protocol/limits";
import { LineSplitter } from "./line-splitter.ts";
import { openSocket } from "./open-socket.ts";
import type { OpenTransport, Transport, TransportEvents } from "./transport.ts";

/** Text that is written at once rather than at the end of the tick. */
const flushChars = 64 * 1024;
/** Unsent bytes above which `send` asks its caller to hold. */
const highWaterBytes = 1024 * 1024;
/** How long a peer that does not read may delay `close`. */
const closeDeadlineMs = 1_000;

/** Newline-delimited JSON over a Unix socket or, on Windows, a named pipe. */
export function socketTransport(path: string): OpenTransport {
  return async (events, signal) => new SocketTransport(await openSocket(path, signal), events);
}

class SocketTransport implements Transport {
  readonly #socket: Socket;
  #pending = "";
  #holding = false;
  #closing = false;
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, events: TransportEvents) {
    this.#socket = socket;
    const splitter = new LineSplitter(limits.replyBytesMax);
    let reason: Error | undefined;
    const onLine = (line: string) => {
      if (!socket.destroyed) events.onLine(line);
    };
    socket.on("data", (chunk) => {
      try {
        splitter.push(chunk, onLine);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
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

  send(line: string): boolean {
    if (this.#closing) return false;
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
    // A write that answers false is always followed by `drain`, which ends the hold.
    if (!this.#socket.write(text) && this.#socket.writableLength > highWaterBytes) this.#holding = true;
  }
}
