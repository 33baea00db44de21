import type { PublishEvent } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import type { Clock, Timer } from "../platform/clock.ts";

const everyMs = 30_000;
/** The disk counts as recovered above this multiple of the minimum. */
const recoveredShare = 1.2;

export interface DiskWatchDeps {
  readonly clock: Clock;
  readonly publish: PublishEvent;
  readonly logger: Logger;
  freeBytes(): Promise<number>;
}

/** Publishes when the state directory's disk has little space, and when it has enough again. */
export class DiskWatch implements Service {
  readonly name = "disk watch";
  readonly #deps: DiskWatchDeps;
  readonly #freeBytesMin: number;
  #isLow = false;
  #timer: Timer | undefined;

  constructor(deps: DiskWatchDeps, freeBytesMin: number) {
    this.#deps = deps;
    this.#freeBytesMin = freeBytesMin;
  }

  async start(): Promise<void> {
    const check = () => {
      this.#check().catch((error: unknown) =>
        this.#deps.logger.warn({ error }, "the free disk space could not be read"),
      );
    };
    this.#timer = this.#deps.clock.every(everyMs, check);
    check();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
  }

  async #check(): Promise<void> {
    const free = await this.#deps.freeBytes();
    if (!this.#isLow && free < this.#freeBytesMin) {
      this.#isLow = true;
      this.#deps.publish("bridge.disk_low", "bridge", { free_bytes: free });
    } else if (this.#isLow && free > this.#freeBytesMin * recoveredShare) {
      this.#isLow = false;
      this.#deps.publish("bridge.disk_recovered", "bridge", { free_bytes: free });
    }
  }
}
