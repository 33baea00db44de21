import assert from "node:assert/strict";
import type { WireClient } from "./wire-client.ts";

/** A percentile below this is caused by the machine's scheduler and not by the bridge. */
const noiseMs = 2.5;
/** A round is longer than one period of a container's processor limit, so that a bomb uses its whole share in each round. */
const roundMs = 250;
/** Other work on the machine delays rounds, so the best round counts, with and without an attack. This is the most rounds. */
const [roundsMin, roundsMax] = [3, 20];

/** Returns the 99th percentile of sequential calls, in milliseconds. */
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

/** Returns the best of some rounds, with further rounds up to a limit while it is not below `goalMs`. */
export async function bestP99(round: () => Promise<number>, goalMs = Number.POSITIVE_INFINITY): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let done = 0; done < roundsMin || (done < roundsMax && best >= goalMs); done++)
    best = Math.min(best, await round());
  return best;
}

/** The goal: twice the baseline, or twice the scheduler's share. */
export const boundMs = (quietMs: number) => 2 * Math.max(quietMs, noiseMs);
