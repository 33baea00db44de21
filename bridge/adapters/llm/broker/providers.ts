import type { PublishEvent } from "../../../events/index.ts";
import type { Service } from "../../../lifecycle/index.ts";
import type { CircuitSettings, CircuitState } from "../../../platform/circuit-breaker.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { ProviderSettings } from "./models.ts";
import { type OnCircuitChange, ProviderCircuit } from "./provider-circuit.ts";
import { RateLimits } from "./rate-limits.ts";
import { Upstream, type UpstreamSettings } from "./upstream.ts";

export interface Provider {
  readonly upstream: Upstream;
  readonly circuit: ProviderCircuit;
  readonly rateLimits: RateLimits;
}

/** The providers' connections, circuit breakers and rate limits. */
export class Providers implements Service {
  readonly name = "model providers";
  readonly #providers: ReadonlyMap<string, Provider>;

  constructor(
    settings: readonly ProviderSettings[],
    http: Omit<UpstreamSettings, "baseUrl">,
    circuit: CircuitSettings,
    publish: PublishEvent,
    clock: Clock,
  ) {
    this.#providers = new Map(
      settings.map(({ name, baseUrl }) => {
        const onChange: OnCircuitChange = (state, reason, model = "*") => {
          if (state === "closed") publish("llm.provider_recovered", "bridge", { provider: name, model });
          else {
            const until = new Date(clock.now() + circuit.openMs).toISOString();
            publish("llm.provider_unavailable", "bridge", { provider: name, model, reason, until });
          }
        };
        return [
          name,
          {
            upstream: new Upstream({ baseUrl, ...http }, clock),
            circuit: new ProviderCircuit(clock, circuit, onChange),
            rateLimits: new RateLimits(clock),
          },
        ];
      }),
    );
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    for (const { upstream } of this.#providers.values()) upstream.close();
  }

  get circuits(): readonly CircuitState[] {
    return [...this.#providers.values()].flatMap(({ circuit }) => circuit.states);
  }

  of(name: string): Provider {
    const provider = this.#providers.get(name);
    if (provider === undefined) throw new Error(`${name} is not a provider`);
    return provider;
  }
}
