import { limits } from "@armorclaw/protocol/limits";
import type { OpenTransport, Transport } from "./transport.ts";

/** Characters of one batch: with three bytes for each it is still one line. */
const batchCharsMax = limits.frameBytesMax / 4;

/** Joins the lines of one turn of the event loop into one batch. */
export function batching(open: OpenTransport): OpenTransport {
  return async (events, signal) => new Batching(await open(events, signal));
}

class Batching implements Transport {
  readonly #transport: Transport;
  #lines: string[] = [];
  #chars = 0;
  #mayGoOn = true;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  send(line: string, isAlone: boolean): boolean {
    if (isAlone || line.length > batchCharsMax) {
      this.#flush();
      return this.#transport.send(line, true);
    }
    if (this.#lines.length >= limits.batchMax || this.#chars + line.length > batchCharsMax) this.#flush();
    if (this.#lines.length === 0) queueMicrotask(() => this.#flush());
    this.#lines.push(line);
    this.#chars += line.length;
    return this.#mayGoOn;
  }

  close(): void {
    this.#flush();
    this.#transport.close();
  }

  #flush(): void {
    const lines = this.#lines;
    this.#lines = [];
    this.#chars = 0;
    const [first = "", ...more] = lines;
    if (lines.length > 0)
      this.#mayGoOn = this.#transport.send(more.length === 0 ? first : `[${lines.join(",")}]`, false);
  }
}
