import type { Loop } from "./loop.ts";

/** Pulses on schedule, numbered from 1, and reports how far each was from its scheduled time. It publishes each event that it receives again, with the time. */
export function createLoop(): Loop {
  let seq = 0;
  let previousMs: number | undefined;
  return {
    async onEvent({ id, seq: eventSeq, type, channel }, { publish, log }) {
      const receivedAtMs = Date.now();
      await publish("received", "heartbeat.received", {
        event_id: id,
        event_seq: eventSeq,
        event_type: type,
        received_at_ms: receivedAtMs,
      });
      log(`received ${type} on ${channel}`);
    },
    async tick({ scheduleMs, publish, log }) {
      const nowMs = performance.now();
      const driftMs = previousMs === undefined ? 0 : nowMs - previousMs - scheduleMs;
      previousMs = nowMs;
      seq += 1;
      const pulse = { seq, uptime_ms: Math.round(nowMs), drift_ms: Math.round(driftMs * 10) / 10 };
      await publish("pulse", "heartbeat.pulse", pulse);
      log(`pulse ${seq}  up ${(nowMs / 1000).toFixed(1)} s  drift ${pulse.drift_ms.toFixed(1)} ms`);
    },
  };
}
