import type Docker from "dockerode";
import { type Clock, delay } from "../../platform/clock.ts";
import { labels } from "./hardening.ts";

const reconnectMs = 500;

/** The engine's events of ended containers: one stream for all containers of the install. */
export class DockerEvents {
  readonly #docker: Docker;
  readonly #installId: string;
  readonly #clock: Clock;
  readonly #closed: AbortSignal;
  readonly #listeners = new Map<string, () => void>();
  #following: Promise<void> | undefined;

  constructor(docker: Docker, installId: string, clock: Clock, closed: AbortSignal) {
    this.#docker = docker;
    this.#installId = installId;
    this.#clock = clock;
    this.#closed = closed;
  }

  /** Calls the listener when the container may have ended: at the engine's event, and after each gap in the stream. */
  watch(id: string, onChange: () => void): void {
    this.#listeners.set(id, onChange);
    this.#following ??= this.#follow();
  }

  forget(id: string): void {
    this.#listeners.delete(id);
  }

  async #follow(): Promise<void> {
    while (!this.#closed.aborted) {
      await this.#read().catch(() => undefined);
      // Events in between were missed.
      for (const onChange of [...this.#listeners.values()]) onChange();
      await delay(this.#clock, reconnectMs, this.#closed).catch(() => undefined);
    }
  }

  async #read(): Promise<void> {
    const filters = { type: ["container" as const], event: ["die"], label: [`${labels.install}=${this.#installId}`] };
    const stream = await this.#docker.getEvents({ filters, abortSignal: this.#closed });
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#told(line);
    }
  }

  #told(line: string): void {
    const id = /"id":"([0-9a-f]{64})"/.exec(line)?.[1];
    if (id !== undefined) this.#listeners.get(id)?.();
  }
}
