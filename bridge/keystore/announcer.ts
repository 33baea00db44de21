import { BridgeError, KeyId } from "@armorclaw/protocol";
import type { PublishEvent } from "../events/index.ts";
import type { KeyMeta } from "./store.ts";

/** Publishes the keystore's events. Each damage is published once after each unlocking, however often it is found. */
export class Announcer {
  readonly #publish: PublishEvent;
  readonly #damage = new Set<string>();

  constructor(publish: PublishEvent) {
    this.#publish = publish;
  }

  /** Publishes how an unlocking ends. */
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

  /** Begins a new unlocking: damage is published again. */
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

  /** Runs a function that reads sealed records, and publishes when one is damaged. */
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
