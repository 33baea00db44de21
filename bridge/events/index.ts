export type { DeadLetter } from "./consumer-store.ts";
export { type ConsumerInfo, Consumers } from "./consumers.ts";
export { contractEvent, eventPublisher } from "./contract-event.ts";
export { DurableEventLog, type Emit } from "./durable-log.ts";
export { EffectConsumer } from "./effect-consumer.ts";
export type {
  Delivery,
  EventDraft,
  EventSelector,
  EventSink,
  Gap,
  PublishEvent,
  Subscription,
} from "./event-log.ts";
export { readNewest } from "./history.ts";
export { subscribeLive } from "./live-subscription.ts";
export { Mailbox, type Sent } from "./mailbox.ts";
export { eventsMigrations } from "./migrations.ts";
export { compilePatterns, coversPattern } from "./pattern.ts";
export type { RetentionSettings } from "./retention.ts";
export { fieldOf } from "./selector.ts";
