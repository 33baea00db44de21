import { BridgeError } from "@armorclaw/protocol/errors";
import type { Logger } from "../../../logging/index.ts";
import type { Clock, Timer } from "../../../platform/clock.ts";
import type { MediaSettings } from "../protocol/media-protocol.ts";
import type { CallSession } from "./call-session.ts";
import { type Media, MediaClient, type MediaListener } from "./media-client.ts";

const restartAfterMs = 1_000;

/** Runs the media thread and restarts it when it ends. Its calls end with it; new calls use the new thread. */
export class MediaSupervisor {
  readonly #settings: MediaSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listener: MediaListener;
  #link: MediaClient | undefined;
  #restart: Timer | undefined;
  #isStopped = false;

  constructor(settings: MediaSettings, clock: Clock, logger: Logger, listener: MediaListener) {
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    this.#listener = listener;
  }

  /** @throws BridgeError CALL_MEDIA_FAILED while no thread runs */
  get link(): Media {
    if (this.#link === undefined) throw new BridgeError("CALL_MEDIA_FAILED");
    return this.#link;
  }

  async start(): Promise<void> {
    this.#launch();
    await this.#link?.ready;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#restart?.cancel();
    await this.#link?.close();
  }

  /** Gives the call a new transport for a caller that returned as a new peer. */
  async reopen({ id, plan }: CallSession): Promise<void> {
    await this.link.request(id, "close", null);
    await this.link.request(id, "open", { rate: plan.rate, relayOnly: plan.relayOnly });
  }

  close({ id }: CallSession): void {
    // A thread that has ended has no calls.
    this.#link?.request(id, "close", null).catch(() => undefined);
  }

  #launch(): void {
    this.#link = new MediaClient(this.#settings, this.#clock, {
      event: (call, event) => this.#listener.event(call, event),
      ended: (error) => {
        this.#link = undefined;
        this.#logger.error({ error }, "the media thread ended");
        this.#listener.ended(error);
        if (!this.#isStopped) this.#restart = this.#clock.after(restartAfterMs, () => this.#launch());
      },
    });
  }
}
