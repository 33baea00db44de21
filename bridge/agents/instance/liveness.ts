import type { ExitInfo } from "@armorclaw/protocol";
import type { Container } from "../../containers/index.ts";
import type { Clock } from "../../platform/clock.ts";
import { HeartbeatWatch } from "./heartbeat-monitor.ts";

export interface AttendanceOptions {
  readonly heartbeatMs: number;
  readonly hangAfterMs: number;
  readonly onHung: (silentMs: number) => void;
  readonly onGone: () => void;
}

/** The watch over one running container, until it has ended: kills it when it hangs, and says so in how it ended. */
export class Attendance {
  readonly #container: Container;
  readonly #heart: HeartbeatWatch;
  readonly #onGone: () => void;
  #silentMs: number | undefined;
  #killing: Promise<void> | undefined;

  constructor(container: Container, clock: Clock, options: AttendanceOptions) {
    this.#container = container;
    this.#onGone = options.onGone;
    this.#heart = new HeartbeatWatch(clock, options.heartbeatMs, options.hangAfterMs, (silentMs) => {
      this.#silentMs = silentMs;
      options.onHung(silentMs);
      this.#killing = container.kill();
    });
  }

  get isLive(): boolean | null {
    return this.#heart.isLive;
  }

  /** From now on it owes signs of life. */
  begin(): void {
    this.#heart.start();
  }

  beat(): void {
    this.#heart.beat();
  }

  /** It owes none, as long as it is frozen. */
  suspend(): void {
    this.#heart.stop();
  }

  /** Resolves with how it ended. */
  async end(): Promise<ExitInfo> {
    try {
      await this.#container.gone;
      this.#heart.stop();
      this.#onGone();
      const exit = await this.#container.exited;
      await this.#killing;
      if (this.#silentMs === undefined) return exit;
      const message = `It gave no sign of life for ${(this.#silentMs / 1000).toFixed(1)} s and was killed`;
      return { ...exit, reason: "hung", message };
    } finally {
      this.#heart.stop();
    }
  }
}
