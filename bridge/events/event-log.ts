import type { EventData, EventEnvelope, EventType, Priority } from "@armorclaw/protocol";

export interface EventDraft {
  readonly channel: string;
  readonly type: string;
  readonly source: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly priority: Priority;
  readonly ttlMs?: number;
  readonly correlationId?: string;
  /** Pushed at once and stored without waiting; kept for a shorter time. A crash may lose it. */
  readonly isVolatile?: boolean;
}

export interface EventSelector {
  readonly channels: readonly string[];
  readonly types?: readonly string[];
  readonly minPriority?: Priority;
  readonly source?: string;
  /** Dotted paths into the data and the values that must stand there. */
  readonly data?: Readonly<Record<string, string | number | boolean | null>>;
}

export interface EventPage {
  readonly events: readonly EventEnvelope[];
  /** Pass it to read on. */
  readonly cursor: number;
  /** True when durable events after the cursor that was asked for are no longer remembered. */
  readonly cursorReset: boolean;
  readonly hasMore: boolean;
}

/** An event of the log, with what only the log knows of it. */
export interface Logged {
  readonly event: EventEnvelope;
  /** The named subscription that it is for, as `owner/name`; null when it is for all. */
  readonly audience: string | null;
}

export interface LogPage {
  readonly rows: readonly Logged[];
  readonly isEnd: boolean;
}

/** What a subscriber is told when its position moved past events that it did not get. */
export interface Gap {
  readonly after: number;
  readonly resumedAt: number;
  /** Events of low priority that yielded while the reader was behind; 0 when events are no longer remembered. */
  readonly skippedLow: number;
}

/** The reading end of a subscription. */
export interface EventSink {
  /** Takes one event. */
  push(event: EventEnvelope, delivery: Delivery): void;
  /** Undefined when more may be pushed at once, else a promise that resolves when it may. */
  writable(): Promise<void> | undefined;
  onGap(gap: Gap): void;
  /** The subscription was ended from this side: another connection took it over, or it was deleted. */
  onEnd(reason: string): void;
}

export interface Delivery {
  /** 1, and one more with each redelivery. */
  readonly attempt: number;
  /** Resume from here rather than after the event's own `seq`: it went ahead of others. */
  readonly cursor?: number;
}

export interface Subscription {
  /** The `seq` after which events are delivered. */
  readonly cursor: number;
  /** True when events after the cursor that was asked for are no longer remembered. */
  readonly cursorReset: boolean;
  /** Frees the window up to this `seq`; of a durable subscription, also keeps it. Resolves when that is durable. */
  ack(cursor: number): Promise<void>;
  close(): void;
}

/** Publishes an event type of the contract on its declared channel, with its declared priority. */
export type PublishEvent = <T extends EventType>(type: T, source: string, data: EventData<T>) => void;
