import { KeyId } from "@armorclaw/protocol";
import type { PublishEvent } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { KeyMeta } from "./store.ts";

const everyMs = 30_000;
/** How long before its end a key counts as expiring soon. */
export const expiresSoonMs = 14 * 86_400_000;

export interface ExpiryWatchDeps {
  readonly keys: () => readonly KeyMeta[];
  readonly publish: PublishEvent;
  readonly clock: Clock;
}

/** Publishes of each key, once in each run of the bridge, that it expires soon and that it has expired. */
export class ExpiryWatch implements Service {
  readonly name = "key expiry";
  readonly #deps: ExpiryWatchDeps;
  /** What was published, by key and expiry. */
  #published: ReadonlyMap<string, "keystore.expiring" | "keystore.expired"> = new Map();
  #timer: Timer | undefined;

  constructor(deps: ExpiryWatchDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#timer = this.#deps.clock.every(everyMs, () => this.look());
    this.look();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
  }

  look(): void {
    const { keys, publish, clock } = this.#deps;
    const now = clock.now();
    const published = new Map<string, "keystore.expiring" | "keystore.expired">();
    for (const { id, provider, expiresAt } of keys()) {
      if (expiresAt === null || expiresAt > now + expiresSoonMs) continue;
      const which = `${id} ${expiresAt}`;
      const type = expiresAt <= now ? "keystore.expired" : "keystore.expiring";
      published.set(which, type);
      if (this.#published.get(which) === type) continue;
      publish(type, "bridge", { id: KeyId.parse(id), provider, expires_at: new Date(expiresAt).toISOString() });
    }
    this.#published = published;
  }
}
