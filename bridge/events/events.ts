import { events } from "@armorclaw/protocol";
import type { PublishEvent } from "./event-log.ts";
import type { EventLog } from "./memory-log.ts";

export type { EventDraft, EventPage, EventSelector, PublishEvent } from "./event-log.ts";
export { type EventLog, MemoryEventLog, type MemorySubscription as Subscription } from "./memory-log.ts";

/** Binds the contract's own events to a log. */
export function eventPublisher(log: EventLog): PublishEvent {
  return (type, source, data) => {
    const { channel, priority } = events[type];
    const fields = data as Readonly<Record<string, unknown>>;
    log.publish({
      channel: channel.replaceAll(/<(\w+)>/g, (_, field: string) => String(fields[field])),
      type,
      source,
      data: fields,
      priority,
    });
  };
}
