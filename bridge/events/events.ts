import type { EventData, EventEnvelope, EventType, Priority } from "@armorclaw/protocol";

export interface EventDraft {
  readonly channel: string;
  readonly type: string;
  readonly source: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly priority: Priority;
  readonly ttlMs?: number;
  readonly correlationId?: string;
}

export interface EventSelector {
  readonly channels: readonly string[];
  readonly types?: readonly string[];
  readonly minPriority?: Priority;
  readonly source?: string;
}

export interface Subscription {
  /** The `seq` after which events are delivered. */
  readonly cursor: number;
  /** True when events after the cursor that was asked for are no longer remembered. */
  readonly cursorReset: boolean;
  close(): void;
}

export interface EventPage {
  readonly events: readonly EventEnvelope[];
  readonly cursor: number;
  readonly cursorReset: boolean;
}

/** Facts that happened, in one order. */
export interface EventLog {
  publish(draft: EventDraft): EventEnvelope;
  /**
   * Delivers past events after `cursor` at once, then each new one. `deliver` must not block: bounding is the
   * subscriber's queue, which is the connection's.
   */
  subscribe(selector: EventSelector, cursor: number | undefined, deliver: (event: EventEnvelope) => void): Subscription;
  history(selector: EventSelector, cursor: number, limit: number): EventPage;
}

/** Publishes an event type of the contract on its declared channel, with its declared priority. */
export type PublishEvent = <T extends EventType>(type: T, source: string, data: EventData<T>) => void;
