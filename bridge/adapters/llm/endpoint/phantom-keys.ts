import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * Keys without value outside the bridge, because SDKs require a key. Each is valid for one start of one agent, at that agent's
 * own endpoint, so that a stolen one is useless. It follows from the installation's secret, so that it outlives the bridge.
 */
export class PhantomKeys {
  readonly #secret: Buffer;

  constructor(secret: Buffer) {
    this.#secret = secret;
  }

  /** The key of that start. */
  of(agentId: string, epoch: number): string {
    const holder = `${agentId}.${epoch}`;
    return `sk-armorclaw-${holder}-${createHmac("sha256", this.#secret).update(holder).digest("base64url")}`;
  }

  matches(agentId: string, epoch: number, presented: string): boolean {
    const key = Buffer.from(this.of(agentId, epoch));
    const other = Buffer.from(presented);
    return key.length === other.length && timingSafeEqual(key, other);
  }
}
