import type { Logger } from "../logging/index.ts";
import { contractEvent } from "./contract-event.ts";
import type { DurableEventLog } from "./durable-log.ts";
import type { PublishEvent } from "./event-log.ts";

/** Binds the contract's own events to a log. */
export function eventPublisher(log: DurableEventLog, logger: Logger): PublishEvent {
  return (type, source, data) => {
    log.publish(contractEvent(type, source, data)).catch((error: unknown) => {
      logger.error({ error, type, source }, "an event was not stored");
    });
  };
}
