import type { Logger } from "../logging/logging.ts";
import { contractEvent } from "./contract-event.ts";
import type { DurableEventLog } from "./durable-log.ts";
import type { PublishEvent } from "./event-log.ts";

export type { DeadLetter } from "./consumer-rows.ts";
export { type ConsumerInfo, Consumers } from "./consumers.ts";
export { contractEvent } from "./contract-event.ts";
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
export { Mailbox } from "./mailbox.ts";
export { coversPattern } from "./pattern.ts";
export type { RetentionSettings } from "./retention.ts";
export { eventsMigrations } from "./schema.ts";
export { fieldOf } from "./selector.ts";

/** Binds the contract's own events to a log. */
export function eventPublisher(log: DurableEventLog, logger: Logger): PublishEvent {
  return (type, source, data) => {
    log.publish(contractEvent(type, source, data)).catch((error: unknown) => {
      logger.error({ error, type, source }, "an event was not stored");
    });
  };
}
