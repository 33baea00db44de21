import { ConnectionError, errorFromWire } from "./errors.ts";
import { greetSealed, type Seal } from "./seal.ts";
import type { OpenTransport, Transport, TransportEvents } from "./transport.ts";
import type { UrlOptions } from "./types.ts";

const subprotocol = "armorclaw.jsonrpc.v1";
/** Unsent bytes above which `send` asks its caller to hold, and how often they are looked at then: no event tells of them. */
const highWaterBytes = 1024 * 1024;
const drainCheckMs = 10;

/** One JSON value per message. The first one shows the token, since a page cannot set a header. */
export function webSocketTransport({ url, token, sealKey }: UrlOptions): OpenTransport {
  return async (events, signal) => {
    signal.throwIfAborted();
    const socket = new WebSocket(url, [subprotocol]);
    const onAbort = () => socket.close();
    signal.addEventListener("abort", onAbort);
    try {
      await settled(socket, "open", signal);
      const ask = async (message: string): Promise<string> => {
        socket.send(message);
        return String(((await settled(socket, "message", signal)) as MessageEvent).data);
      };
      const greeting = sealKey === undefined ? undefined : greetSealed(sealKey);
      const seal = await greeting?.accept(await ask(greeting.message));
      const request = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "rpc.authenticate", params: { token } });
      const reply = await ask(seal === undefined ? request : await seal.seal(request));
      const text = seal === undefined ? reply : await seal.open(reply);
      const answer = JSON.parse(text) as { readonly error?: Parameters<typeof errorFromWire>[0] };
      if (answer.error !== undefined) throw errorFromWire(answer.error);
      return seal === undefined ? new WebSocketTransport(socket, events) : sealedTransport(socket, events, seal);
    } catch (error) {
      socket.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  };
}

/** The first event of a name; rejects when the socket closes first. */
function settled(socket: WebSocket, name: "open" | "message", signal: AbortSignal): Promise<Event> {
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    const options = { signal: done.signal };
    const finish = (action: () => void) => {
      done.abort();
      action();
    };
    socket.addEventListener(name, (event) => finish(() => resolve(event)), options);
    socket.addEventListener(
      "close",
      ({ code, reason }) => finish(() => reject(signal.reason ?? closedWith(code, reason))),
      options,
    );
  });
}

const closedWith = (code: number, reason: string) =>
  new ConnectionError("CLOSED", `The WebSocket closed with ${code}${reason === "" ? "" : ` ${reason}`}`);

/** Sealing takes promises, so that each direction is a chain of them, in order. */
function sealedTransport(socket: WebSocket, events: TransportEvents, seal: Seal): Transport {
  let opening: Promise<void> = Promise.resolve();
  let sealing: Promise<void> = Promise.resolve();
  let unsealed = 0;
  let isHolding = false;
  const drained = () => {
    isHolding = false;
    events.onDrain();
  };
  let failure: Error | undefined;
  const fail = (cause: unknown) => {
    failure ??= new ConnectionError("CLOSED", "A sealed message could not be opened or made", { cause });
    socket.close();
  };
  const plain = new WebSocketTransport(socket, {
    onLine(message) {
      opening = opening
        .then(async () => {
          const text = failure === undefined ? await seal.open(message) : "";
          for (const line of text.split("\n")) if (line !== "") events.onLine(line);
        })
        .catch(fail);
    },
    onDrain: drained,
    onClose: (reason) => void opening.then(() => events.onClose(failure ?? reason)),
  });
  return {
    send(line) {
      unsealed += line.length;
      if (unsealed > highWaterBytes) isHolding = true;
      sealing = sealing
        .then(async () => {
          const message = await seal.seal(line);
          unsealed -= line.length;
          if (!plain.send(message)) isHolding = true;
          else if (isHolding && unsealed === 0) drained();
        })
        .catch(fail);
      return !isHolding;
    },
    close: () => void sealing.then(() => plain.close()),
  };
}

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
