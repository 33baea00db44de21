export type { DeadLetter } from "./consumer-store.ts";
export { type ConsumerInfo, Consumers } from "./consumers.ts";
export { contractEvent, eventPublisher } from "./contract-event.ts";
export { DurableEventLog, type Emit } from "./durable-log.ts";
export { EffectConsumer } from "./effect-consumer.ts";
export type {
  Delivery,
  EventDraft,
  EventSink,
  Gap,
  PublishEvent,
  Subscription,
} from "./event-log.ts";
export { subscribeLive } from "./live-subscription.ts";
export { Mailbox, type Sent } from "./mailbox.ts";
export { compilePatterns, coversPattern } from "./match/pattern.ts";
export { type EventSelector, fieldOf } from "./match/selector.ts";
export { eventsMigrations } from "./migrations.ts";
export type { RetentionSettings } from "./retention.ts";
