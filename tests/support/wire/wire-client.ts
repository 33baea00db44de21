import type { Socket } from "node:net";
import { openSocket } from "../../../client-sdk/transport/open-socket.ts";

/** How long a test waits for an expected line. */
const patienceMs = 10_000;

/** A raw peer: it sends the given bytes unchanged, and collects the answers. */
export class WireClient implements AsyncDisposable {
  readonly socket: Socket;
  readonly lines: string[] = [];
  #partial = "";
  #taken = 0;
  #isEnded = false;
  #isClosed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      const parts = (this.#partial + text).split("\n");
      this.#partial = parts.pop() ?? "";
      this.lines.push(...parts);
      this.#wake();
    });
    socket.on("error", () => undefined);
    socket.on("end", () => {
      this.#isEnded = true;
      this.#wake();
    });
    socket.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** A connection is retried while the backlog is full (`EAGAIN`), as in the client SDK. */
  static async open(path: string): Promise<WireClient> {
    return new WireClient(await openSocket(path, AbortSignal.timeout(patienceMs), { allowHalfOpen: true }));
  }

  get isEnded(): boolean {
    return this.#isEnded || this.#isClosed;
  }

  /** Sends one text, with its newline. */
  send(text: string): void {
    this.socket.write(`${text}\n`);
  }

  /** Returns the next received line, as a value. */
  async next(): Promise<Reply> {
    await this.until(() => this.lines.length > this.#taken, "another line");
    return JSON.parse(this.lines[this.#taken++] ?? "") as Reply;
  }

  /** Sends one request and returns the next line. */
  call(method: string, params?: unknown, id: unknown = 1): Promise<Reply> {
    this.send(JSON.stringify({ jsonrpc: "2.0", method, params, id }));
    return this.next();
  }

  ended(): Promise<void> {
    return this.until(() => this.isEnded, "the end of the connection");
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!condition()) {
      if (performance.now() > deadline)
        throw new Error(`Waited ${patienceMs} ms for ${what}; ${this.lines.length} lines came`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 50);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isClosed) resolve();
      else this.socket.once("close", () => resolve()).destroy();
    });
  }
}

/** One line of the server, loosely typed. */
export interface Reply {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: { readonly seq: number; readonly id: unknown; readonly item: unknown };
  readonly result?: unknown;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data: { readonly code: string; readonly correlation_id?: string; readonly details?: unknown };
  };
}
