import { ConnectionError } from "../types/errors.ts";
import type { UrlOptions } from "../types/options.ts";
import { answeredFirst } from "./first-call.ts";
import { sealed } from "./sealed-transport.ts";
import type { OpenTransport, Transport, TransportEvents } from "./transport.ts";

const subprotocol = "armorclaw.jsonrpc.v1";
/** Unsent bytes above which `send` asks its caller to hold, and how often they are checked then, because no event reports them. */
const highWaterBytes = 1024 * 1024;
const drainCheckMs = 10;

/** One JSON value per message. The first one shows the token, since a page cannot set a header. */
export function webSocketTransport({ url, token, sealKey }: UrlOptions): OpenTransport {
  const plain = openWebSocket(url);
  const request = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "rpc.authenticate", params: { token } });
  return answeredFirst(sealKey === undefined ? plain : sealed(plain, sealKey), async () => request);
}

function openWebSocket(url: string): OpenTransport {
  return async (events, signal) => {
    signal.throwIfAborted();
    const socket = new WebSocket(url, [subprotocol]);
    const onAbort = () => socket.close();
    signal.addEventListener("abort", onAbort);
    try {
      await opened(socket, signal);
      return new WebSocketTransport(socket, events);
    } catch (error) {
      socket.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  };
}

/** Rejects when the socket closes first. */
function opened(socket: WebSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    const options = { signal: done.signal };
    const finish = (action: () => void) => {
      done.abort();
      action();
    };
    socket.addEventListener("open", () => finish(resolve), options);
    socket.addEventListener(
      "close",
      ({ code, reason }) => finish(() => reject(signal.reason ?? closedWith(code, reason))),
      options,
    );
  });
}

const closedWith = (code: number, reason: string) =>
  new ConnectionError("CLOSED", `The WebSocket closed with ${code}${reason === "" ? "" : ` ${reason}`}`);

class WebSocketTransport implements Transport {
  readonly #socket: WebSocket;
  readonly #events: TransportEvents;
  #drainTimer: ReturnType<typeof setInterval> | undefined;

  constructor(socket: WebSocket, events: TransportEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.addEventListener("message", ({ data }) => {
      if (socket.readyState === WebSocket.OPEN) events.onLine(String(data));
    });
    socket.addEventListener("close", ({ code, reason, wasClean }) => {
      clearInterval(this.#drainTimer);
      events.onClose(wasClean && code === 1000 ? undefined : closedWith(code, reason));
    });
  }

  send(line: string): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(line);
    if (this.#socket.bufferedAmount <= highWaterBytes) return true;
    this.#drainTimer ??= setInterval(() => this.#checkDrain(), drainCheckMs);
    return false;
  }

  close(): void {
    this.#socket.close(1000);
  }

  #checkDrain(): void {
    if (this.#socket.bufferedAmount > highWaterBytes) return;
    clearInterval(this.#drainTimer);
    this.#drainTimer = undefined;
    this.#events.onDrain();
  }
}
