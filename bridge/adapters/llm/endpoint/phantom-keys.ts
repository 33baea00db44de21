import { randomBytes, timingSafeEqual } from "node:crypto";

const secretBytes = 32;

/**
 * Keys without value outside the bridge, because SDKs require a key. Each is valid for one start of one agent, at that agent's
 * own endpoint, so that a stolen one is useless.
 */
export class PhantomKeys {
  readonly #keys = new Map<string, string>();

  /** The key of that start. The first call makes it. */
  of(agentId: string, epoch: number): string {
    const holder = `${agentId}.${epoch}`;
    const known = this.#keys.get(holder);
    if (known !== undefined) return known;
    const key = `sk-armorclaw-${holder}-${randomBytes(secretBytes).toString("base64url")}`;
    this.#keys.set(holder, key);
    return key;
  }

  matches(agentId: string, epoch: number, presented: string): boolean {
    const key = Buffer.from(this.#keys.get(`${agentId}.${epoch}`) ?? "");
    const other = Buffer.from(presented);
    return key.length > 0 && key.length === other.length && timingSafeEqual(key, other);
  }

  revoke(agentId: string, epoch: number): void {
    this.#keys.delete(`${agentId}.${epoch}`);
  }
}
