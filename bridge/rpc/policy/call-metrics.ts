import type { PolicedCall } from "../dispatch/call-policy.ts";

/** Upper bounds of the buckets that durations are counted in, in seconds. */
export const durationBucketsS = [0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60] as const;
const boundsMs = durationBucketsS.map((seconds) => seconds * 1000);

/** The counts of one method's calls. */
export interface MethodCounts {
  /** By error code; `ok` for a success. */
  readonly outcomes: Map<string, number>;
  /** Calls in each bucket, not cumulative; the last is for those above every bound. */
  readonly durations: number[];
  totalMs: number;
}

/** Counts answered calls. Counting is on the path of each call, so the metrics page does all formatting. */
export class CallMetrics {
  readonly byMethod = new Map<string, MethodCounts>();

  readonly onAnswered = ({ entry }: PolicedCall, durationMs: number, errorCode: string | undefined): void => {
    let counts = this.byMethod.get(entry.name);
    if (counts === undefined) {
      counts = { outcomes: new Map(), durations: Array.from({ length: boundsMs.length + 1 }, () => 0), totalMs: 0 };
      this.byMethod.set(entry.name, counts);
    }
    const outcome = errorCode ?? "ok";
    counts.outcomes.set(outcome, (counts.outcomes.get(outcome) ?? 0) + 1);
    let bucket = 0;
    while (durationMs > (boundsMs[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    counts.durations[bucket] = (counts.durations[bucket] ?? 0) + 1;
    counts.totalMs += durationMs;
  };
}
