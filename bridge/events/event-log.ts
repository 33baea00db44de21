import type { EventData, EventEnvelope, EventType, Priority } from "@armorclaw/protocol";

export interface EventDraft {
  readonly channel: string;
  readonly type: string;
  readonly source: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly priority: Priority;
  readonly ttlMs?: number;
  readonly correlationId?: string;
  /** Whether the event is delivered before it is stored, and kept for a shorter time. A crash may lose it. */
  readonly isVolatile?: boolean;
  /** The principal whose share of the log the event takes: who caused it. The source's own when left out. */
  readonly share?: string | undefined;
}

export interface EventPage {
  readonly events: readonly EventEnvelope[];
  /** The cursor of the next page. */
  readonly cursor: number;
  /** Whether durable events after the requested cursor were removed. */
  readonly cursorReset: boolean;
  readonly hasMore: boolean;
}

/** An event of the log, and whom it is for. */
export interface Logged {
  readonly event: EventEnvelope;
  /** The named subscription that alone receives the event, as `owner/name`; null when all do. */
  readonly audience: string | null;
  /** The principal whose share of the log the event takes; the source's when left out. */
  readonly share?: string | undefined;
}

export interface LogPage {
  readonly rows: readonly Logged[];
  readonly isEnd: boolean;
}

/** Reports to a subscriber that its position moved past events that it did not receive. */
export interface Gap {
  readonly after: number;
  readonly resumedAt: number;
  /** How many events of low priority were dropped while the reader was behind; 0 when the events were removed. */
  readonly skippedLow: number;
}

/** The reading end of a subscription. */
export interface EventSink {
  /** Takes one event. */
  push(event: EventEnvelope, delivery: Delivery): void;
  /** Undefined when another event may be pushed now, else a promise that resolves once it may. */
  writable(): Promise<void> | undefined;
  onGap(gap: Gap): void;
  /** The bridge ended the subscription: another connection took it over, or it was deleted. */
  onEnd(reason: string): void;
}

export interface Delivery {
  /** 1 at the first delivery, and one more at each redelivery. */
  readonly attempt: number;
  /** Where to resume, when the event overtook others; its own `seq` otherwise. */
  readonly cursor?: number;
}

export interface Subscription {
  /** The `seq` after which events are delivered. */
  readonly cursor: number;
  /** Whether events after the requested cursor were removed. */
  readonly cursorReset: boolean;
  /** Frees the window up to this `seq`. A durable subscription also stores the position; the promise resolves when that is durable. */
  ack(cursor: number): Promise<void>;
  close(): void;
}

/** Publishes an event type of the contract on its declared channel, with its declared priority. */
export type PublishEvent = <T extends EventType>(type: T, source: string, data: EventData<T>) => void;
