import { ConnectionError } from "../types/errors.ts";
import { greetSealed, type Seal, type SealGreeting } from "./seal.ts";
import type { OpenTransport, Transport, TransportEvents } from "./transport.ts";

/** Characters that wait to be sealed above which `send` asks its caller to hold. */
const highWaterChars = 1024 * 1024;

/** Wraps a transport so that every line is sealed with the key. It opens after the bridge's greeting. */
export function sealed(open: OpenTransport, key: Uint8Array): OpenTransport {
  return async (events, signal) => {
    const transport = new SealedTransport(greetSealed(key), events);
    await transport.begin(await open(transport, signal), signal);
    return transport;
  };
}

/** Web Cryptography is asynchronous, so each direction is a chain of promises that keeps the order. */
class SealedTransport implements Transport, TransportEvents {
  readonly #greeting: SealGreeting;
  readonly #events: TransportEvents;
  readonly #answer = Promise.withResolvers<string>();
  readonly #seal: Promise<Seal>;
  #plain: Transport | undefined;
  #opening: Promise<void> = Promise.resolve();
  #sealing: Promise<void> = Promise.resolve();
  #unsealedChars = 0;
  #isGreeted = false;
  #isHolding = false;
  #failure: Error | undefined;

  constructor(greeting: SealGreeting, events: TransportEvents) {
    this.#greeting = greeting;
    this.#events = events;
    this.#seal = this.#answer.promise.then((line) => greeting.accept(line));
    this.#seal.catch(() => undefined);
  }

  async begin(plain: Transport, signal: AbortSignal): Promise<void> {
    this.#plain = plain;
    const onAbort = () => this.#answer.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      signal.throwIfAborted();
      plain.send(this.#greeting.message, true);
      await this.#seal;
    } catch (error) {
      plain.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  onLine(line: string): void {
    if (!this.#isGreeted) {
      this.#isGreeted = true;
      this.#answer.resolve(line);
      return;
    }
    this.#opening = this.#opening
      .then(async () => {
        const text = this.#failure === undefined ? await (await this.#seal).open(line) : "";
        for (const own of text.split("\n")) if (own !== "") this.#events.onLine(own);
      })
      .catch((cause: unknown) => this.#fail(cause));
  }

  onDrain(): void {
    this.#isHolding = false;
    this.#events.onDrain();
  }

  onClose(reason: Error | undefined): void {
    this.#answer.reject(reason ?? new ConnectionError("CLOSED", "The bridge closed the connection at once"));
    void this.#opening.then(() => this.#events.onClose(this.#failure ?? reason));
  }

  send(line: string): boolean {
    this.#unsealedChars += line.length;
    if (this.#unsealedChars > highWaterChars) this.#isHolding = true;
    this.#sealing = this.#sealing
      .then(async () => {
        const message = await (await this.#seal).seal(line);
        this.#unsealedChars -= line.length;
        if (this.#plain?.send(message, true) === false) this.#isHolding = true;
        else if (this.#isHolding && this.#unsealedChars === 0) this.onDrain();
      })
      .catch((cause: unknown) => this.#fail(cause));
    return !this.#isHolding;
  }

  close(): void {
    void this.#sealing.then(() => this.#plain?.close());
  }

  #fail(cause: unknown): void {
    this.#failure ??= new ConnectionError("CLOSED", "A sealed message could not be opened or made", { cause });
    this.#plain?.close();
  }
}
