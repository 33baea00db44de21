import { BridgeError, type EventEnvelope, limits } from "@armorclaw/protocol";
import { type Clock, timestamp } from "../platform/clock.ts";
import type { EventDraft, EventPage, EventSelector } from "./event-log.ts";
import { compileSelector, type Matcher } from "./selector.ts";

export interface MemorySubscription {
  readonly cursor: number;
  readonly cursorReset: boolean;
  close(): void;
}

/** Facts that happened, in one order. */
export interface EventLog {
  publish(draft: EventDraft): EventEnvelope;
  subscribe(
    selector: EventSelector,
    cursor: number | undefined,
    deliver: (event: EventEnvelope) => void,
  ): MemorySubscription;
  history(selector: EventSelector, cursor: number, limit: number): EventPage;
}

/** Events in memory: the latest `historyMax` since the bridge started. */
export class MemoryEventLog implements EventLog {
  readonly #clock: Clock;
  readonly #historyMax: number;
  readonly #idPrefix: string;
  readonly #subscribers = new Set<{ matches: Matcher; deliver: (event: EventEnvelope) => void }>();
  /** A ring: the event with `seq` stands at `(seq - 1) % historyMax`. */
  readonly #ring: EventEnvelope[] = [];
  #seq = 0;

  constructor(clock: Clock, historyMax: number) {
    this.#clock = clock;
    this.#historyMax = historyMax;
    this.#idPrefix = clock.now().toString(36);
  }

  publish(draft: EventDraft): EventEnvelope {
    const dataBytes = Buffer.byteLength(JSON.stringify(draft.data));
    if (dataBytes > limits.eventDataBytesMax) {
      throw new BridgeError(
        "INVALID_PARAMS",
        `The event's data has ${dataBytes} bytes; ${limits.eventDataBytesMax} is the limit`,
      );
    }
    const seq = ++this.#seq;
    const event: EventEnvelope = {
      id: `${this.#idPrefix}-${seq}`,
      seq,
      channel: draft.channel as EventEnvelope["channel"],
      type: draft.type,
      source: draft.source,
      time: timestamp(this.#clock),
      priority: draft.priority,
      ...(draft.ttlMs === undefined ? {} : { ttl_ms: draft.ttlMs }),
      ...(draft.correlationId === undefined ? {} : { correlation_id: draft.correlationId }),
      data: draft.data,
    };
    this.#ring[(seq - 1) % this.#historyMax] = event;
    for (const { matches, deliver } of this.#subscribers) if (matches(event)) deliver(event);
    return event;
  }

  subscribe(
    selector: EventSelector,
    cursor: number | undefined,
    deliver: (event: EventEnvelope) => void,
  ): MemorySubscription {
    const from = cursor ?? this.#seq;
    const matches = compileSelector(selector);
    const subscriber = { matches, deliver };
    for (const event of this.#after(from)) if (this.#isAlive(event) && matches(event)) deliver(event);
    this.#subscribers.add(subscriber);
    return { cursor: from, cursorReset: this.#isReset(from), close: () => void this.#subscribers.delete(subscriber) };
  }

  history(selector: EventSelector, cursor: number, limit: number): EventPage {
    const matches = compileSelector(selector);
    const events: EventEnvelope[] = [];
    for (const event of this.#after(cursor)) {
      if (events.length === limit) {
        return { events, cursor: event.seq - 1, cursorReset: this.#isReset(cursor), hasMore: false };
      }
      if (this.#isAlive(event) && matches(event)) events.push(event);
    }
    return { events, cursor: this.#seq, cursorReset: this.#isReset(cursor), hasMore: false };
  }

  *#after(cursor: number): Generator<EventEnvelope> {
    const last = this.#seq;
    const oldest = Math.max(1, last - this.#historyMax + 1);
    for (let seq = Math.max(oldest, cursor > last ? oldest : cursor + 1); seq <= last; seq++) {
      const event = this.#ring[(seq - 1) % this.#historyMax];
      if (event !== undefined) yield event;
    }
  }

  /** A cursor beyond the last event is of an earlier bridge; one before the oldest has missed some. */
  #isReset(cursor: number): boolean {
    return cursor > this.#seq || cursor < this.#seq - this.#historyMax;
  }

  #isAlive(event: EventEnvelope): boolean {
    return event.ttl_ms === undefined || Date.parse(event.time) + event.ttl_ms > this.#clock.now();
  }
}
