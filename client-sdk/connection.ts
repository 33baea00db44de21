import { BridgeError } from "@armorclaw/protocol/errors";
import type { CallKind } from "./calls.ts";
import { type Heartbeat, startHeartbeat } from "./heartbeat.ts";
import { backOff, pause } from "./retry.ts";
import type { OpenTransport, Transport } from "./transport/transport.ts";
import { ConnectionError } from "./types/errors.ts";
import type { ConnectionState, ReconnectOptions } from "./types/options.ts";

const connectDeadlineMs = 10_000;

/** The client as its connection uses it. */
export interface ConnectionOptions {
  readonly open: OpenTransport;
  readonly reconnect: ReconnectOptions | false;
  readonly sendQueueMax: number;
  readonly sendQueueBytesMax: number;
  /** 0 for no heartbeat. */
  readonly heartbeatMs: number;
  readonly ping: (deadlineMs: number) => Promise<unknown>;
  /** Runs on each new connection before anything that is queued is written. A rejection drops the connection. */
  readonly greet: () => Promise<unknown>;
  readonly onLine: (line: string) => void;
  /** Reports calls that will not be answered. */
  readonly onLost: (ids: readonly number[], error: ConnectionError) => void;
  readonly onState: (state: ConnectionState, reason: unknown) => void;
}

interface QueuedCall {
  readonly line: string;
  readonly isAlone: boolean;
}

/** Opens one transport after another and queues calls while none is open. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #queue = new Map<number, QueuedCall>();
  readonly #written = new Set<number>();
  readonly #closing = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #queuedBytes = 0;
  #transport: Transport | undefined;
  /** Whether the greeting has succeeded and queued calls may be written. */
  #ready = false;
  #explanation: Error | undefined;
  /** The transport asked to hold further lines. */
  #holding = false;
  #running: Promise<void> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#first.promise.catch(() => {});
  }

  /** Starts connecting, once. Resolves with the first connection; rejects when the first attempt fails. */
  start(): Promise<void> {
    this.#running ??= this.#run();
    return this.#first.promise;
  }

  /**
   * Writes a call's line now, or queues it. A `greeting` goes before what is queued.
   * @throws ConnectionError CLOSED or QUEUE_FULL
   */
  send(id: number, line: string, kind: CallKind): void {
    if (this.#closing.signal.aborted) throw new ConnectionError("CLOSED", "The client is closed");
    if (kind === "greeting") {
      this.#write(id, { line, isAlone: true });
      return;
    }
    const { sendQueueMax, sendQueueBytesMax } = this.#options;
    if (this.#queue.size >= sendQueueMax)
      throw new ConnectionError("QUEUE_FULL", `${sendQueueMax} calls already wait to be sent`);
    if (this.#queue.size > 0 && this.#queuedBytes + line.length > sendQueueBytesMax)
      throw new ConnectionError("QUEUE_FULL", `Calls of ${sendQueueBytesMax} bytes already wait to be sent`);
    this.#queue.set(id, { line, isAlone: kind === "alone" });
    this.#queuedBytes += line.length;
    if (this.#ready) this.#flush();
    else void this.start().catch(() => {});
  }

  /** Writes a notification about the current connection. Without a connection the line is dropped. */
  notify(line: string): void {
    this.#transport?.send(line, true);
  }

  /** The call is settled. True when it had been written and not answered or lost. */
  forget(id: number): boolean {
    this.#dequeue(id);
    return this.#written.delete(id);
  }

  /** Ends the current transport only; a client that reconnects does. */
  reset(reason: Error): void {
    this.#explanation = reason;
    this.#transport?.close();
  }

  /** Keeps an error of the bridge about the whole connection. It is the cause if the connection closes next. */
  explain(reason: Error): void {
    this.#explanation = reason;
  }

  async close(): Promise<void> {
    this.#closing.abort(new ConnectionError("CLOSED", "The client was closed"));
    this.#transport?.close();
    this.#running ??= this.#run();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { reconnect } = this.#options;
    let failures = 0;
    let lostAt = performance.now();
    let reason: unknown;
    while (!signal.aborted) {
      try {
        const { lost } = await this.#connect();
        const since = performance.now();
        reason = await lost;
        lostAt = performance.now();
        // A connection that ends at once counts as a failure, so that a bridge that refuses every connection is not flooded.
        if (reconnect !== false && lostAt - since > reconnect.maxMs) failures = 0;
      } catch (error) {
        reason = error;
        this.#first.reject(error);
      }
      if (signal.aborted || reconnect === false || isFinal(reason)) break;
      if (performance.now() - lostAt > (reconnect.giveUpAfterMs ?? Number.POSITIVE_INFINITY)) break;
      this.#options.onState("reconnecting", reason);
      await pause(waitMs(reconnect, ++failures), signal);
    }
    this.#finish(reason);
  }

  /** Wrapped in an object, since a promise that an async function returns would be awaited. */
  async #connect(): Promise<{ readonly lost: Promise<unknown> }> {
    const lost = Promise.withResolvers<unknown>();
    let open = true;
    this.#explanation = undefined;
    const onClose = (error: Error | undefined) => {
      const reason = this.#explanation ?? error;
      open = false;
      this.#drop(reason);
      lost.resolve(reason);
    };
    const onDrain = () => {
      this.#holding = false;
      this.#flush();
    };
    let heartbeat: Heartbeat | undefined;
    const onLine = (line: string) => {
      heartbeat?.heard();
      this.#options.onLine(line);
    };
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(connectDeadlineMs)]);
    const transport = await this.#options.open({ onLine, onClose, onDrain }, signal);
    if (!open) throw new ConnectionError("CLOSED", "The bridge closed the connection at once");
    this.#transport = transport;
    const started = startHeartbeat(this.#options, (reason) => this.reset(reason));
    heartbeat = started;
    void lost.promise.then(started.stop);
    try {
      await this.#options.greet();
      this.#closing.signal.throwIfAborted();
    } catch (error) {
      transport.close();
      await lost.promise;
      throw error;
    }
    if (!open) throw new ConnectionError("CLOSED", "The bridge closed the connection at once");
    this.#ready = true;
    this.#first.resolve();
    this.#options.onState("connected", undefined);
    this.#flush();
    return { lost: lost.promise };
  }

  #flush(): void {
    for (const [id, queued] of this.#queue) {
      if (!this.#ready || this.#holding) return;
      this.#dequeue(id);
      this.#write(id, queued);
    }
  }

  #dequeue(id: number): void {
    this.#queuedBytes -= this.#queue.get(id)?.line.length ?? 0;
    this.#queue.delete(id);
  }

  #write(id: number, { line, isAlone }: QueuedCall): void {
    this.#written.add(id);
    this.#holding = this.#transport?.send(line, isAlone) === false;
  }

  #drop(cause: unknown): void {
    this.#transport = undefined;
    this.#ready = false;
    this.#holding = false;
    const ids = [...this.#written];
    this.#written.clear();
    const message = "The connection to the bridge closed before the answer came";
    this.#options.onLost(ids, new ConnectionError("CLOSED", message, { cause }));
  }

  #finish(cause: unknown): void {
    const message = isFinal(cause) ? "The bridge refused the connection" : "The bridge cannot be reached";
    const error = this.#closing.signal.aborted
      ? (this.#closing.signal.reason as ConnectionError)
      : new ConnectionError("NOT_CONNECTED", message, { cause });
    this.#closing.abort(error);
    this.#first.reject(error);
    const ids = [...this.#queue.keys()];
    this.#queue.clear();
    this.#queuedBytes = 0;
    this.#options.onLost(ids, error);
    this.#options.onState("closed", error);
  }
}

/** Whether the bridge refused the greeting with an error that is not retryable. */
const isFinal = (reason: unknown): boolean =>
  reason instanceof BridgeError && (reason as { retryable?: boolean }).retryable === false;

const waitMs = ({ initialMs, maxMs }: ReconnectOptions, failures: number): number =>
  backOff({ firstMs: initialMs, maxMs, jitter: 0.5 })(failures);
