import { type AnyEvent, type EventData, type EventType, events } from "@armorclaw/protocol";
import type { Logger } from "../logging/index.ts";
import type { DurableEventLog } from "./durable-log.ts";
import type { EventDraft, PublishEvent } from "./event-log.ts";

/** An event type of the contract, on its declared channel and with its declared priority. */
export function contractEvent<T extends EventType>(type: T, source: string, data: EventData<T>): EventDraft {
  const { channel, priority, isVolatile }: AnyEvent = events[type];
  const fields = data as Readonly<Record<string, unknown>>;
  return {
    channel: channel.replaceAll(/<(\w+)>/g, (_, field: string) => String(fields[field])),
    type,
    source,
    data: fields,
    priority,
    ...(isVolatile === undefined ? {} : { isVolatile }),
  };
}

/** Publishes the contract's events in a log. An event that cannot be stored is logged as an error. */
export function eventPublisher(log: DurableEventLog, logger: Logger): PublishEvent {
  return (type, source, data) => {
    log.publish(contractEvent(type, source, data)).catch((error: unknown) => {
      logger.error({ error, type, source }, "An event was not stored");
    });
  };
}
