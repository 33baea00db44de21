/** Times within an interval at which agents beat. */
const timesPerInterval = 20;

/**
 * How long to wait for the next heartbeat: the interval or a little less, as all agents of a host beat at the same few
 * times of it. So host and bridge wake once for several of them, and never for all of them at once.
 */
export function untilNextBeat(nowMs: number, everyMs: number): number {
  const step = everyMs / timesPerInterval;
  return Math.ceil(Math.floor((nowMs + everyMs) / step) * step - nowMs);
}
