/** Runs removals after an end was reported, so that only the engine's close waits for them. */
export class Removals {
  readonly #running = new Set<Promise<void>>();

  /** @param onFailure called with the error; the next sweep finds what was not removed */
  add(removal: Promise<void>, onFailure: (error: unknown) => void): void {
    const settled = removal.catch(onFailure).finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }
}
