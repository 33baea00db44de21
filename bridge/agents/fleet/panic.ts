import type { PublishEvent } from "../../events/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Agent } from "../instance/agent.ts";
import type { AgentRecords } from "../instance/records.ts";

export interface PanicReport {
  readonly agents: number;
  readonly frozenMs: number;
  readonly killedMs: number;
}

/**
 * Freezes every agent at once, then kills them all. What is durable comes first: a crash in the middle of it leaves a
 * bridge that starts nothing.
 */
export async function panic(
  reason: string,
  live: readonly Agent[],
  deps: { readonly records: AgentRecords; readonly publish: PublishEvent; readonly clock: Clock },
): Promise<PanicReport> {
  const { records, publish, clock } = deps;
  const begunAt = clock.monotonic();
  records.setPanic({ sinceMs: clock.now(), reason });
  const elapsedMs = () => Math.round((clock.monotonic() - begunAt) * 10) / 10;
  // What cannot be frozen is killed all the same.
  await Promise.allSettled(live.map((agent) => agent.freeze(`Panic: ${reason}`)));
  const frozenMs = elapsedMs();
  publish("bridge.panicked", "bridge", { agents: live.length, frozen_ms: frozenMs, reason });
  await Promise.all(live.map((agent) => agent.kill()));
  return { agents: live.length, frozenMs, killedMs: elapsedMs() };
}
