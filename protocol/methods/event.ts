import * as z from "zod";
import { defineMethod } from "../define.ts";
import { Channel, ChannelPattern, Timestamp } from "../ids.ts";
import { limits } from "../limits.ts";
import { everyone, people } from "../roles.ts";

export const Priority = z.enum(["critical", "high", "normal", "low"]).meta({ id: "Priority" });

/** What a subscriber receives: one fact that happened. */
export const EventEnvelope = z
  .object({
    id: z.string().describe("Unique in the install."),
    seq: z.int().describe("Counts up by one over all channels since the bridge started."),
    channel: Channel,
    type: z.string().describe("What happened, e.g. agent.started."),
    source: z.string().describe("The principal that it came from."),
    time: Timestamp,
    priority: Priority,
    ttl_ms: z.int().min(1).optional(),
    correlation_id: z.string().optional(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "EventEnvelope" });
export type EventEnvelope = z.output<typeof EventEnvelope>;

const exampleEvent = {
  id: "01f0c6a2-1",
  seq: 1,
  channel: "agent.heartbeat-1.heartbeat",
  type: "agent.heartbeat",
  source: "agent:heartbeat-1",
  time: "2026-11-21T08:00:00.000Z",
  priority: "low" as const,
  data: { agent_id: "heartbeat-1", seq: 1 },
};

export const EventFilter = z
  .strictObject({
    types: z.array(z.string().max(100)).min(1).max(32).optional().describe("Only these types."),
    min_priority: Priority.optional(),
    source: z.string().max(200).optional().describe("Only from this principal."),
  })
  .meta({ id: "EventFilter" });

const channels = z.array(ChannelPattern).min(1).max(limits.patternsPerSubscriptionMax);

export const subscribe = defineMethod({
  summary: "Push matching events to this connection.",
  description:
    "Each event arrives as the notification `event.push {subscription_id, event}`. An agent receives its own channels and those it was granted. A subscription ends with its connection.",
  roles: everyone,
  effect: "read",
  params: z.strictObject({
    channels: channels.describe("Patterns; `*` stands for one segment, a last `>` for the rest."),
    filter: EventFilter.optional(),
    cursor: z
      .int()
      .min(0)
      .optional()
      .describe("Begin after this `seq`, as far back as the bridge remembers; from now on when left out."),
  }),
  result: z.object({
    subscription_id: z.string(),
    cursor: z.int().describe("The `seq` after which events are pushed."),
    cursor_reset: z.boolean().describe("True when events after the given cursor are no longer remembered."),
  }),
  errors: ["TOO_MANY_SUBSCRIPTIONS"],
  example: {
    params: { channels: ["agent.>"] },
    result: { subscription_id: "s1", cursor: 0, cursor_reset: false },
  },
});

export const unsubscribe = defineMethod({
  summary: "End a subscription of this connection.",
  roles: everyone,
  effect: "read",
  params: z.strictObject({ subscription_id: z.string().max(100) }),
  result: z.object({ ok: z.literal(true) }),
  errors: ["SUBSCRIPTION_NOT_FOUND"],
  example: { params: { subscription_id: "s1" }, result: { ok: true } },
});

export const publish = defineMethod({
  summary: "Publish an event.",
  description:
    "An agent publishes on `agent.<its id>.…` alone. The types `agent.*` and `bridge.*` are the bridge's own.",
  roles: ["admin", "operator", "agent"],
  effect: "write",
  params: z.strictObject({
    channel: Channel,
    type: z
      .string()
      .max(100)
      .regex(/^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+$/, "Expected dot-separated lower-case words"),
    data: z.record(z.string(), z.unknown()).default({}),
    priority: Priority.default("normal"),
    ttl_ms: z.int().min(1).optional(),
    correlation_id: z.string().max(100).optional(),
  }),
  result: z.object({ id: z.string(), seq: z.int() }),
  errors: [],
  example: {
    params: { channel: "agent.system-monitor-1.metrics", type: "system.metrics", data: { load: 0.5 } },
    result: { id: "01f0c6a2-7", seq: 7 },
  },
});

export const history = defineMethod({
  summary: "Pull past events.",
  description: "The bridge remembers the latest events since it started, up to `events.history_max`.",
  roles: people,
  effect: "read",
  params: z.strictObject({
    channels: channels.default([">"]),
    filter: EventFilter.optional(),
    cursor: z.int().min(0).default(0).describe("Only events after this `seq`."),
    limit: z.int().min(1).max(1000).default(100).describe("The most events to answer, oldest first."),
  }),
  result: z.object({
    events: z.array(EventEnvelope),
    cursor: z.int().describe("Pass this as `cursor` to go on."),
    cursor_reset: z.boolean().describe("True when events after the given cursor are no longer remembered."),
  }),
  errors: [],
  example: { params: { cursor: 0 }, result: { events: [exampleEvent], cursor: 1, cursor_reset: false } },
});
