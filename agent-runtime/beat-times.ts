/** The number of times within an interval at which agents send heartbeats. */
const timesPerInterval = 20;

/**
 * Returns the wait until the next heartbeat, which is the interval or a little less: all agents of a host send at the same
 * few times of the interval, so that host and bridge wake once for several agents and never for all of them at once.
 */
export function untilNextBeat(nowMs: number, everyMs: number): number {
  const step = everyMs / timesPerInterval;
  return Math.ceil(Math.floor((nowMs + everyMs) / step) * step - nowMs);
}
