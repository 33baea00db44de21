import { ConnectionError, errorFromWire } from "../types/errors.ts";
import type { UrlOptions } from "../types/options.ts";
import type { OpenTransport, Transport, TransportEvents } from "./transport.ts";

/** The most concurrent requests. Further lines wait. */
const requestsMax = 64;

/** Sends one HTTP request for each line. Notifications such as events cannot be received. */
export function httpTransport({ url, token, sealKey }: UrlOptions): OpenTransport {
  if (sealKey !== undefined) throw new TypeError("HTTP is not sealed: a sealKey goes with a ws: or wss: URL");
  return async (events, signal) => {
    signal.throwIfAborted();
    const endpoint = new URL("/rpc", url);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    return new HttpTransport(endpoint, headers, events);
  };
}

class HttpTransport implements Transport {
  readonly #endpoint: URL;
  readonly #headers: Record<string, string>;
  readonly #events: TransportEvents;
  readonly #closing = new AbortController();
  #running = 0;
  #isClosed = false;

  constructor(endpoint: URL, headers: Record<string, string>, events: TransportEvents) {
    this.#endpoint = endpoint;
    this.#headers = headers;
    this.#events = events;
  }

  send(line: string): boolean {
    if (this.#isClosed) return false;
    this.#running += 1;
    this.#post(line).then(
      () => this.#finished(),
      (error: unknown) => this.#end(error instanceof Error ? error : new Error(String(error))),
    );
    return this.#running < requestsMax;
  }

  close(): void {
    this.#end(undefined);
  }

  async #post(body: string): Promise<void> {
    const { signal } = this.#closing;
    const response = await fetch(this.#endpoint, { method: "POST", headers: this.#headers, body, signal });
    if (!response.ok) throw await refusalOf(response);
    let partial = "";
    for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) if (!this.#isClosed) this.#events.onLine(line);
    }
  }

  #finished(): void {
    this.#running -= 1;
    if (this.#running === requestsMax - 1) this.#events.onDrain();
  }

  #end(reason: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closing.abort();
    queueMicrotask(() => this.#events.onClose(reason));
  }
}

async function refusalOf(response: Response): Promise<Error> {
  try {
    const { error } = (await response.json()) as { readonly error: Parameters<typeof errorFromWire>[0] };
    return errorFromWire(error);
  } catch (cause) {
    return new ConnectionError("CLOSED", `The bridge answered with the status ${response.status}`, { cause });
  }
}
