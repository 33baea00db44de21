import { BridgeError } from "@armorclaw/protocol/errors";
import type { CallRecords } from "./call-records.ts";
import type { CallSession } from "./call-session.ts";

export interface CallLimits {
  readonly concurrentMax: number;
  readonly concurrentPerPrincipalMax: number;
  readonly perHourPerPrincipalMax: number;
}

/** @throws BridgeError CALL_LIMIT_REACHED, which names the limit as classic clients know it */
export function assertWithinLimits(
  principal: string,
  live: readonly CallSession[],
  records: CallRecords,
  limits: CallLimits,
): void {
  const theirs = live.filter(({ plan }) => plan.principal === principal).length;
  check("max_concurrent_calls", "concurrent_max", live.length, limits.concurrentMax);
  check("max_concurrent_calls_per_user", "concurrent_per_principal_max", theirs, limits.concurrentPerPrincipalMax);
  check("max_calls_per_hour", "per_hour_max", records.startedWithinHour(principal), limits.perHourPerPrincipalMax);
}

function check(limit: string, key: string, count: number, most: number): void {
  if (count < most) return;
  throw new BridgeError("CALL_LIMIT_REACHED", `${limit} is ${most} (webrtc.${key} in the configuration)`, {
    limit,
    max: most,
  });
}
