import type { CircuitState } from "../../platform/circuit-breaker.ts";
import type { GaugeSource } from "../../rpc/index.ts";

const states: readonly CircuitState[] = ["closed", "open", "half-open"];

/** The circuit breakers by their class of destinations: a figure for each destination would have no bound. */
export const circuitGauges = (
  classes: Readonly<Record<string, () => readonly CircuitState[]>>,
): readonly GaugeSource[] => [
  {
    name: "armorclaw_circuits",
    help: "Destinations outside the bridge that were called lately, by whether they are left alone (open)",
    labelNames: ["destination", "state"],
    read: async () => Object.entries(classes).flatMap(([destination, read]) => byState(destination, read())),
  },
];

/** Every state has a figure, so that a state without circuits shows as 0. */
const byState = (destination: string, now: readonly CircuitState[]) =>
  states.map((state) => ({ labels: { destination, state }, value: now.filter((one) => one === state).length }));
