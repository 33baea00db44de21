import type { EventEnvelope, Priority } from "@armorclaw/protocol";
import { compilePatterns } from "./pattern.ts";

export interface EventSelector {
  readonly channels: readonly string[];
  readonly types?: readonly string[];
  readonly minPriority?: Priority;
  readonly source?: string;
  /** Dotted paths into the data and the values that must stand there. */
  readonly data?: Readonly<Record<string, string | number | boolean | null>>;
}

const rank: Record<Priority, number> = { low: 0, normal: 1, high: 2, critical: 3 };

export type Matcher = (event: EventEnvelope) => boolean;

/** Compiles a selector. An event matches when it meets every condition that the selector has. */
export function compileSelector({ channels, types, minPriority, source, data }: EventSelector): Matcher {
  const inChannel = compilePatterns(channels);
  const wanted = types === undefined ? undefined : new Set(types);
  const lowest = minPriority === undefined ? 0 : rank[minPriority];
  const fields = Object.entries(data ?? {}).map(([path, value]) => ({ path: path.split("."), value }));
  return (event) =>
    rank[event.priority] >= lowest &&
    (wanted === undefined || wanted.has(event.type)) &&
    (source === undefined || source === event.source) &&
    inChannel(event.channel) &&
    fields.every(({ path, value }) => fieldOf(event.data, path) === value);
}

/** The value at a path of field names; undefined where there is none. */
export function fieldOf(data: unknown, path: readonly string[]): unknown {
  let value = data;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

/** Whether the event has not outlived its `ttl_ms`. */
export const isAlive = (event: EventEnvelope, nowMs: number): boolean =>
  event.ttl_ms === undefined || Date.parse(event.time) + event.ttl_ms > nowMs;
