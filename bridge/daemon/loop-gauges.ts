import type { LoopMonitor } from "../lifecycle/index.ts";
import type { GaugeSource } from "../rpc/index.ts";

/** How often, and for how long in all, the bridge's thread stood still. */
export function loopGauges(loop: Pick<LoopMonitor, "totals">): readonly GaugeSource[] {
  const source = (name: string, help: string, value: () => number): GaugeSource => ({
    name,
    help,
    labelNames: [],
    isCounter: true,
    read: async () => [{ labels: {}, value: value() }],
  });
  return [
    source(
      "armorclaw_loop_stalls_total",
      "Times that the bridge's thread stood still for 250 ms",
      () => loop.totals.stalls,
    ),
    source(
      "armorclaw_loop_stalled_seconds_total",
      "How long the bridge's thread stood still, stalls of 250 ms alone",
      () => loop.totals.stalledMs / 1000,
    ),
  ];
}
