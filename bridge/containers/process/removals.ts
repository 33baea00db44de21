/** Removals that go on after an end was told, so that nobody waits for them but the engine's close. */
export class Removals {
  readonly #running = new Set<Promise<void>>();

  /** @param onFailure what is not removed now is found by the next sweep */
  add(removal: Promise<void>, onFailure: (error: unknown) => void): void {
    const settled = removal.catch(onFailure).finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }
}
