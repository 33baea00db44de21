import type { PublishEvent } from "../events/index.ts";
import type { Store } from "../store/index.ts";
import { type Alert, markPublished, unpublished } from "./alerts.ts";

/** Publishes recorded alerts at least once each: an alert is marked only after it was published. */
export class AlertPublisher {
  readonly #store: Store;
  readonly #publish: PublishEvent;
  /** Alerts that this process has published and perhaps not marked yet. */
  readonly #published = new Set<number>();

  constructor({ store, publish }: { readonly store: Store; readonly publish: PublishEvent }) {
    this.#store = store;
    this.#publish = publish;
  }

  async publish(): Promise<void> {
    const alerts = this.#store.read(unpublished).filter(({ id }) => !this.#published.has(id));
    if (alerts.length === 0) return;
    for (const alert of alerts) {
      this.#published.add(alert.id);
      const { level, standing } = alert;
      const facts = factsOf(alert);
      if (level === "refused") {
        this.#publish("budget.exhausted", "bridge", { ...facts, on_hard: standing.limit.onHard });
      } else this.#publish("budget.threshold_crossed", "bridge", { ...facts, level });
    }
    await this.#store.write((sql) => markPublished(sql, alerts));
    for (const { id } of alerts) this.#published.delete(id);
  }
}

function factsOf({ standing, agent, resetsAtMs }: Alert) {
  const { scope, windowId, limit, spent, held, ceiling } = standing;
  return {
    scope,
    window: limit.window,
    window_id: windowId,
    unit: limit.unit,
    limit: ceiling ?? 0,
    spent,
    held,
    agent_id: agent,
    resets_at: resetsAtMs === null ? null : new Date(resetsAtMs).toISOString(),
  };
}
