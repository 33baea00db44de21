import * as z from "zod";
import { defineMethod, jsonBytes } from "../types/define.ts";
import { Channel, ChannelPattern, Timestamp } from "../types/ids.ts";
import { limits } from "../types/limits.ts";
import { everyone, operators, people } from "../types/roles.ts";

export const Priority = z.enum(["critical", "high", "normal", "low"]).meta({ id: "Priority" });

/** One fact that happened, as a subscriber receives it. */
export const EventEnvelope = z
  .object({
    id: z.string().describe("Unique in the install."),
    seq: z.int().describe("Counts up over all channels and restarts. A crash may skip numbers; none is repeated."),
    channel: Channel,
    type: z.string().describe("The event's type, e.g. agent.started."),
    source: z.string().describe("The principal that published it."),
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
    types: z.array(z.string().max(100)).min(1).max(32).optional().describe("Only events of these types."),
    min_priority: Priority.optional(),
    source: z.string().max(200).optional().describe("Only events of this principal."),
    data: z
      .record(z.string().max(200), z.union([z.string(), z.number(), z.boolean(), z.null()]))
      .refine(
        (data) => jsonBytes(data) <= limits.filterBytesMax,
        `Expected at most ${limits.filterBytesMax} bytes of JSON`,
      )
      .optional()
      .describe("Only events with these values at these dotted paths of the data."),
  })
  .meta({ id: "EventFilter" });

const channels = z.array(ChannelPattern).min(1).max(limits.patternsPerSubscriptionMax);

/** The name of a durable subscription. Each principal has its own names. */
export const SubscriptionName = z
  .string()
  .max(limits.identifierLengthMax)
  .regex(/^[a-z0-9]+(?:[-_.][a-z0-9]+)*$/, "Expected lower-case letters, digits and single hyphens")
  .meta({ id: "SubscriptionName", description: "The name of a durable subscription." });

const subscribe = defineMethod({
  summary: "Push matching events to this connection.",
  description:
    "Each event arrives as the notification `event.push {subscription_id, event}`. Without `name` it is pushed at most once: the subscription ends with its connection, `event.gap {subscription_id, after, resumed_at, skipped_low}` reports missed events, critical events overtake a backlog (`cursor` is then the position to resume from) and low ones are dropped while there is one. With `name` it is pushed at least once and in order: the bridge keeps the position, which `event.ack` moves, over connections and restarts; an event that is not acknowledged in time is pushed again with `attempt`, and becomes a dead letter after `attempts_max`. A name belongs to its newest connection; the previous one gets `event.end {subscription_id, reason}`. An agent receives its own channels and those it was granted.",
  roles: everyone,
  effect: "read",
  scope: { channelParam: "channels" },
  params: z.strictObject({
    channels: channels.describe("Patterns; `*` stands for one segment, a last `>` for the rest."),
    filter: EventFilter.optional(),
    cursor: z
      .int()
      .min(0)
      .optional()
      .describe(
        "Begin after this `seq`, as far back as the bridge keeps events. The default is the next event. An existing durable subscription resumes at its own position.",
      ),
    name: SubscriptionName.optional().describe("Makes the subscription durable."),
    delivery: z
      .enum(["at-most-once", "at-least-once"])
      .optional()
      .describe("Follows from `name`; a value that contradicts it is an error."),
    unacked_max: z
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .describe(
        "The most events that are pushed before an ack. When left out: 256 for a durable subscription; else there is no limit and no ack is needed.",
      ),
    ack_deadline_ms: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(30_000)
      .describe("Durable: an event that is not acknowledged within this time is pushed again."),
    attempts_max: z
      .int()
      .min(1)
      .max(1000)
      .default(10)
      .describe("Durable: the deliveries after which an event becomes a dead letter."),
  }),
  result: z.object({
    subscription_id: z.string(),
    cursor: z.int().describe("The `seq` after which events are pushed."),
    cursor_reset: z.boolean().describe("True when events after the cursor were removed."),
  }),
  errors: ["TOO_MANY_SUBSCRIPTIONS"],
  example: {
    params: { channels: ["agent.>"] },
    result: { subscription_id: "s1", cursor: 0, cursor_reset: false },
  },
});

const ack = defineMethod({
  summary: "Acknowledge a subscription's events up to a cursor.",
  description:
    "The answer is sent when the position is durable. An ack frees the window of a subscription with `unacked_max`.",
  roles: everyone,
  effect: "read",
  scope: "open",
  params: z.strictObject({
    subscription_id: z.string().max(100),
    cursor: z.int().min(0).describe("The `seq` of the last event that was handled, with all events before it."),
  }),
  result: z.object({ ok: z.literal(true) }),
  errors: ["SUBSCRIPTION_NOT_FOUND"],
  example: { params: { subscription_id: "s1", cursor: 7 }, result: { ok: true } },
});

const unsubscribe = defineMethod({
  summary: "End a subscription of this connection.",
  roles: everyone,
  effect: "read",
  scope: "open",
  params: z.strictObject({ subscription_id: z.string().max(100) }),
  result: z.object({ ok: z.literal(true) }),
  errors: ["SUBSCRIPTION_NOT_FOUND"],
  example: { params: { subscription_id: "s1" }, result: { ok: true } },
});

const publish = defineMethod({
  summary: "Publish an event.",
  description:
    "The answer is sent when the event is durable. An agent publishes only on `agent.<its id>.…`. The domains of the bridge's own event types (`agent.*`, `bridge.*`, `matrix.*`, `webrtc.*` and so on) and the channels that those events are published on are reserved for the bridge.",
  roles: ["admin", "operator", "agent"],
  effect: "write",
  scope: { channelParam: "channel" },
  audited: false,
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
    volatile: z
      .boolean()
      .default(false)
      .describe(
        "Answer and push before the event is stored, and keep it for a shorter time. A crash may lose the event.",
      ),
  }),
  result: z.object({ id: z.string(), seq: z.int() }),
  errors: [],
  example: {
    params: { channel: "agent.system-monitor-1.metrics", type: "system.metrics", data: { load: 0.5 } },
    result: { id: "01f0c6a2-7", seq: 7 },
  },
});

const history = defineMethod({
  summary: "Pull past events.",
  description:
    "The bridge remembers events for `events.retention_days` and up to `events.retention_bytes`; volatile ones for `events.volatile_retention_minutes`. A page may hold fewer events than `limit`, even none, although there are more.",
  roles: people,
  effect: "read",
  scope: { channelParam: "channels" },
  params: z.strictObject({
    channels: channels.default([">"]),
    filter: EventFilter.optional(),
    cursor: z.int().min(0).default(0).describe("Only events after this `seq`."),
    limit: z.int().min(1).max(1000).default(100).describe("The most events to return, oldest first."),
    newest: z.boolean().default(false).describe("Return the newest events, whatever the cursor."),
    before: z
      .int()
      .min(1)
      .optional()
      .describe("Return the newest events before this `seq`, whatever the cursor: `before` of the page that follows."),
  }),
  result: z.object({
    events: z.array(EventEnvelope),
    cursor: z.int().describe("The `cursor` of the next page. With `newest`: where what happens next begins."),
    before: z.int().optional().describe("With `newest` or `before`: the `before` of the page of older events."),
    cursor_reset: z.boolean().describe("True when events after the given cursor were removed."),
    has_more: z.boolean().describe("True when there may be more events, or older ones with `newest`."),
  }),
  errors: [],
  example: {
    params: { cursor: 0 },
    result: { events: [exampleEvent], cursor: 1, cursor_reset: false, has_more: false },
  },
});

const consumers = defineMethod({
  summary: "List the durable subscriptions.",
  roles: people,
  effect: "read",
  params: z.strictObject({}),
  result: z.object({
    consumers: z.array(
      z.object({
        owner: z.string().describe("The principal that reads; `bridge` for the bridge's own."),
        name: z.string(),
        channels: z.array(z.string()),
        cursor: z.int(),
        behind: z.int().describe("How many events follow its cursor, whether they match or not."),
        connected: z.boolean(),
        created_at: Timestamp,
      }),
    ),
  }),
  errors: [],
  example: {
    params: {},
    result: {
      consumers: [
        {
          owner: "user:1000",
          name: "pager",
          channels: ["agent.>"],
          cursor: 7,
          behind: 0,
          connected: true,
          created_at: "2026-11-21T08:00:00.000Z",
        },
      ],
    },
  },
});

const forget = defineMethod({
  summary: "Delete a durable subscription, with its position and its dead letters.",
  roles: operators,
  effect: "write",
  params: z.strictObject({
    name: SubscriptionName,
    owner: z.string().max(200).optional().describe("The owner. The default is the caller."),
  }),
  result: z.object({ ok: z.literal(true) }),
  errors: ["SUBSCRIPTION_NOT_FOUND"],
  example: { params: { name: "pager" }, result: { ok: true } },
});

export const DeadLetter = z
  .object({
    dead_letter_id: z.int(),
    owner: z.string(),
    name: z.string(),
    attempts: z.int(),
    reason: z.string(),
    died_at: Timestamp,
    event: EventEnvelope,
  })
  .meta({ id: "DeadLetter" });

const deadLetters = defineMethod({
  summary: "List the dead letters: events that could not be delivered to a durable subscription.",
  roles: people,
  effect: "read",
  scope: { rows: "dead_letters", channel: "event.channel" },
  params: z.strictObject({
    cursor: z.int().min(0).default(0).describe("Only dead letters after this id."),
    limit: z.int().min(1).max(1000).default(100),
  }),
  result: z.object({
    dead_letters: z.array(DeadLetter),
    cursor: z.int().describe("The `cursor` of the next page."),
    has_more: z.boolean().describe("Whether there may be more. A page of large events holds fewer than `limit`."),
  }),
  errors: [],
  example: {
    params: {},
    result: {
      dead_letters: [
        {
          dead_letter_id: 1,
          owner: "user:1000",
          name: "pager",
          attempts: 10,
          reason: "It was not acknowledged within 30000 ms",
          died_at: "2026-11-21T08:00:00.000Z",
          event: exampleEvent,
        },
      ],
      cursor: 1,
      has_more: false,
    },
  },
});

const deadLetterParams = z.strictObject({ dead_letter_id: z.int().min(1) });
const deadLetterExample = { params: { dead_letter_id: 1 }, result: { ok: true as const } };

const redeliver = defineMethod({
  summary: "Deliver a dead letter to its subscription again.",
  description: "The event arrives as a new event, with its own `seq`, at that subscription alone.",
  roles: operators,
  effect: "write",
  params: deadLetterParams,
  result: z.object({ ok: z.literal(true) }),
  errors: ["DEAD_LETTER_NOT_FOUND"],
  example: deadLetterExample,
});

const discard = defineMethod({
  summary: "Delete a dead letter.",
  roles: operators,
  effect: "write",
  params: deadLetterParams,
  result: z.object({ ok: z.literal(true) }),
  errors: ["DEAD_LETTER_NOT_FOUND"],
  example: deadLetterExample,
});

/** Every method of this file, by its name. */
export const eventMethods = {
  "event.subscribe": subscribe,
  "event.unsubscribe": unsubscribe,
  "event.ack": ack,
  "event.publish": publish,
  "event.history": history,
  "event.consumers": consumers,
  "event.forget": forget,
  "event.dead_letters": deadLetters,
  "event.redeliver": redeliver,
  "event.discard": discard,
} as const;
