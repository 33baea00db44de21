/** What is to be delivered. */
export interface OutboundMessage {
  /** The name of the destination that takes it, e.g. `matrix`. */
  readonly destination: string;
  /** Within the destination, what keeps its order: a room, a URL. */
  readonly lane: string;
  /** Queued once per destination, however often the cause asks for it. */
  readonly dedupeKey: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface QueuedMessage extends OutboundMessage {
  readonly id: number;
  readonly attempts: number;
  readonly createdAtMs: number;
}

/** One outside world that messages go to. */
export interface Destination {
  readonly name: string;
  /**
   * Delivers the message. The transaction id is the same at every attempt: what was delivered under it is not delivered
   * again, and counts as a success.
   * @returns what the other side calls it, e.g. an event id
   * @throws DeliveryError, or anything else, which counts as transient
   */
  send(message: QueuedMessage, transactionId: string, signal: AbortSignal): Promise<string | undefined>;
}

/**
 * Why a delivery did not happen. `transient` is tried again with a growing wait; `held` too, at the pace that the other
 * side asked for, and all lanes of the destination wait with it; `deferred` was not tried at all, waits as long as it says and
 * counts as no attempt; `permanent` is not tried again.
 */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  readonly kind: "transient" | "held" | "deferred" | "permanent";
  readonly retryAfterMs: number | undefined;

  constructor(kind: DeliveryError["kind"], message: string, options: ErrorOptions & { retryAfterMs?: number } = {}) {
    super(message, options);
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}
