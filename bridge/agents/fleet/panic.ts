import type { PublishEvent } from "../../events/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Agent } from "../instance/agent.ts";
import type { AgentRecords } from "../instance/store.ts";

export interface PanicReport {
  readonly agents: number;
  readonly frozenMs: number;
  readonly killedMs: number;
}

/**
 * Freezes all agents at once, then kills them. The panic is recorded first, so that a bridge that crashes meanwhile starts
 * nothing when it returns.
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
  // An agent that could not be frozen is killed too.
  await Promise.allSettled(live.map((agent) => agent.freeze(`Panic: ${reason}`)));
  const frozenMs = elapsedMs();
  publish("bridge.panicked", "bridge", { agents: live.length, frozen_ms: frozenMs, reason });
  await Promise.all(live.map((agent) => agent.kill()));
  return { agents: live.length, frozenMs, killedMs: elapsedMs() };
}
