import { BridgeError, type ContainerId, type EngineStatus } from "@armorclaw/protocol";
import type { Container, ContainerRecord, ContainerSpec, Engine } from "./port/engine.ts";

/** The Docker engine that still holds agents of this install and does not answer. It is opened as soon as it answers. */
export class AwaitedEngine implements Engine {
  readonly kind = "docker";
  readonly #open: () => Promise<Engine>;
  #engine: Engine | undefined;
  #opening: Promise<Engine> | undefined;
  #why: string;

  /** @param why in words, why it could not be opened so far */
  constructor(open: () => Promise<Engine>, why: string) {
    this.#open = open;
    this.#why = why;
  }

  get status(): EngineStatus {
    return this.#engine?.status ?? waiting(this.#why);
  }

  /** @throws BridgeError ENGINE_UNAVAILABLE before the engine has answered */
  uidForSlot(slot: number): number {
    if (this.#engine === undefined) throw new BridgeError("ENGINE_UNAVAILABLE", this.#why);
    return this.#engine.uidForSlot(slot);
  }

  async prepare(onProgress: (message: string) => void): Promise<void> {
    await (await this.#opened()).prepare(onProgress);
  }

  async start(spec: ContainerSpec, signal: AbortSignal): Promise<Container> {
    return await (await this.#opened()).start(spec, signal);
  }

  async adopt(spec: ContainerSpec, id: ContainerId, signal: AbortSignal): Promise<Container | undefined> {
    return await (await this.#opened()).adopt(spec, id, signal);
  }

  async list(signal: AbortSignal): Promise<readonly ContainerRecord[]> {
    return await (await this.#opened()).list(signal);
  }

  async remove(id: ContainerId, signal: AbortSignal): Promise<void> {
    await (await this.#opened()).remove(id, signal);
  }

  async ping(signal: AbortSignal): Promise<void> {
    await (await this.#opened()).ping(signal);
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    await this.#engine?.close();
  }

  /** Opens the engine once; each call after a failure tries again. */
  #opened(): Promise<Engine> {
    if (this.#engine !== undefined) return Promise.resolve(this.#engine);
    this.#opening ??= this.#tryToOpen().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #tryToOpen(): Promise<Engine> {
    try {
      this.#engine = await this.#open();
      return this.#engine;
    } catch (error) {
      if (error instanceof Error) this.#why = error.message;
      throw error;
    }
  }
}

const waiting = (why: string): EngineStatus => ({
  kind: "docker",
  version: "Docker, which does not answer",
  isolation: "container",
  protections: [],
  missing: [
    `an answer: ${why}. Agents of this install run on Docker, so the bridge waits for it and starts nothing elsewhere: start Docker again, or name another engine to give those agents up`,
  ],
});
