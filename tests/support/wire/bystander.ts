import assert from "node:assert/strict";
import type { WireClient } from "./wire-client.ts";

/** Below this a percentile belongs to the machine's scheduler and not to the bridge. */
const noiseMs = 2.5;
/** More than one period of a container's processor limit, so that a bomb has its whole share of it in each round. */
const roundMs = 250;
/** Other work on the machine spoils rounds, so the best of them counts, with an attack and without; at most so many. */
const [roundsMin, roundsMax] = [3, 20];

/** The 99th percentile of calls one after the other, in milliseconds. */
export async function p99Of(bystander: WireClient, method: string): Promise<number> {
  const times: number[] = [];
  for (const end = performance.now() + roundMs; performance.now() < end; ) {
    const begun = performance.now();
    const { error } = await bystander.call(method);
    times.push(performance.now() - begun);
    assert(error === undefined, error?.message);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
}

/** The best of some rounds; of more, up to a limit, while it is not below `goalMs`. */
export async function bestP99(round: () => Promise<number>, goalMs = Number.POSITIVE_INFINITY): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let done = 0; done < roundsMin || (done < roundsMax && best >= goalMs); done++)
    best = Math.min(best, await round());
  return best;
}

/** Twice what it was, or twice what the machine's scheduler makes of it. */
export const boundMs = (quietMs: number) => 2 * Math.max(quietMs, noiseMs);
