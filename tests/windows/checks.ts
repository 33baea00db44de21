import assert from "node:assert/strict";
import type { WindowsOutcome } from "../support/machine/wine.ts";

/** Runs checks one after the other, and collects their outcomes. */
export class Checks {
  readonly outcomes: WindowsOutcome[] = [];
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  async check(name: string, run: () => Promise<void> | void): Promise<void> {
    const since = performance.now();
    try {
      await run();
      this.outcomes.push({ name, ok: true });
    } catch (error) {
      this.outcomes.push({
        name,
        ok: false,
        why: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
    const ended = this.outcomes.at(-1);
    assert(ended !== undefined);
    this.#say(`${ended.ok ? "ok" : "FAILED"} ${name} (${Math.round(performance.now() - since)} ms)`);
  }
}
