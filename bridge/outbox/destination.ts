/** A message to deliver. */
export interface OutboundMessage {
  /** The name of the destination, e.g. `matrix`. */
  readonly destination: string;
  /** Messages of one lane of the destination keep their order. A lane is a room or a URL. */
  readonly lane: string;
  /** A destination gets one message for each key. */
  readonly dedupeKey: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The principal in whose share of the queue it waits; left out for the bridge's own messages. */
  readonly share?: string | undefined;
}

export interface QueuedMessage extends OutboundMessage {
  readonly id: number;
  readonly attempts: number;
  readonly createdAtMs: number;
}

/** A remote system that messages are delivered to. */
export interface Destination {
  readonly name: string;
  /**
   * Delivers the message. The transaction id is the same at every attempt. A message that was delivered under it before counts
   * as delivered and is not delivered again.
   * @returns the remote system's id of the message, e.g. an event id
   * @throws DeliveryError. Any other error counts as transient.
   */
  send(message: QueuedMessage, transactionId: string, signal: AbortSignal): Promise<string | undefined>;
}

/**
 * Why a delivery failed. `transient`: it is retried after a growing wait. `held`: it is retried after the wait that the remote
 * system asked for, and all lanes of the destination wait too. `deferred`: it was not attempted, counts as no attempt and is
 * retried after `retryAfterMs`. `blocked`: the lane cannot be reached until somebody acts, for example because the bridge is not in
 * the room; the message waits, is retried as `transient` is, and is reported as late at once. `permanent`: it is not retried.
 */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  readonly kind: "transient" | "held" | "deferred" | "blocked" | "permanent";
  readonly retryAfterMs: number | undefined;

  constructor(kind: DeliveryError["kind"], message: string, options: ErrorOptions & { retryAfterMs?: number } = {}) {
    super(message, options);
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}
