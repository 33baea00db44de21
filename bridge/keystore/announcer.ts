import { BridgeError, KeyId } from "@armorclaw/protocol";
import type { PublishEvent } from "../events/index.ts";
import type { KeyMeta } from "./store.ts";

/** Tells of the keystore. What is damaged is told once for each unlocking, however often it is met. */
export class Announcer {
  readonly #publish: PublishEvent;
  readonly #damage = new Set<string>();

  constructor(publish: PublishEvent) {
    this.#publish = publish;
  }

  /** Tells how an unlocking ends. */
  async ofUnlocking<T>(unlocking: Promise<T>, source: () => string): Promise<T> {
    try {
      const result = await unlocking;
      this.#publish("keystore.unlocked", "bridge", { source: source() });
      return result;
    } catch (error) {
      this.#publish("keystore.unlock_failed", "bridge", { reason: messageOf(error) });
      throw error;
    }
  }

  /** What was told of damage is told again after it. */
  opened(): void {
    this.#damage.clear();
  }

  locked(reason: string): void {
    this.#publish("keystore.locked", "bridge", { reason });
  }

  rotated(key: KeyMeta): KeyMeta {
    this.#publish("keystore.rotated", "bridge", { id: KeyId.parse(key.id), version: key.version });
    return key;
  }

  rotatedMaster(resealed: number): number {
    this.#publish("keystore.rotated", "bridge", { id: null, version: null });
    return resealed;
  }

  /** Runs what reads sealed records, and tells when one is damaged. */
  watching<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof BridgeError && error.code === "KEYSTORE_DAMAGED") this.damaged(error);
      throw error;
    }
  }

  damaged(error: unknown): void {
    const reason = messageOf(error);
    if (this.#damage.has(reason)) return;
    this.#damage.add(reason);
    this.#publish("keystore.damaged", "bridge", { reason });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
