import { type AnyEvent, type EventData, type EventType, events } from "@armorclaw/protocol";
import type { EventDraft } from "./event-log.ts";

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
