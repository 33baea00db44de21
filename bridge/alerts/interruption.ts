import type { DurableEventLog, PublishEvent } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";

/** Publishes an event when the bridge before this one ended without an orderly stop. It starts after what listens for the event. */
export const interruptionNotice = (log: Pick<DurableEventLog, "interruptedAfter">, publish: PublishEvent): Service => ({
  name: "interruption notice",
  start: async () => {
    const { interruptedAfter } = log;
    if (interruptedAfter !== undefined) publish("bridge.interrupted", "bridge", { last_event_at: interruptedAfter });
  },
  stop: async () => undefined,
});
