import { StunGuard } from "../../../patches/werift/stun-guard.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { WorkerHandlers } from "../../../platform/worker-rpc.ts";
import type { MediaFailure, MediaMethods, MediaNotice, MediaSettings } from "../protocol/media-protocol.ts";
import { MediaCall } from "./media-call.ts";
import { PortPool } from "./port-pool.ts";
import { Ticker } from "./ticker.ts";
import { OfferRefused, PortsExhausted } from "./transport.ts";
import { WeriftTransport } from "./werift-transport.ts";

interface OpenCall {
  readonly media: MediaCall;
  readonly returnPorts: () => void;
}

class NoSuchCall extends Error {}

/** The media of all calls: what the media thread runs. */
export class MediaEngine {
  readonly #settings: MediaSettings;
  readonly #clock: Clock;
  readonly #notify: (notice: MediaNotice) => void;
  readonly #ports: PortPool;
  readonly #guard = new StunGuard();
  readonly #ticker: Ticker;
  readonly #calls = new Map<string, OpenCall>();

  constructor(settings: MediaSettings, clock: Clock, notify: (notice: MediaNotice) => void) {
    this.#settings = settings;
    this.#clock = clock;
    this.#notify = notify;
    this.#ticker = new Ticker(clock);
    this.#ports = new PortPool(settings.portRange, settings.addresses.length);
  }

  readonly handlers: WorkerHandlers<MediaMethods> = {
    open: async ({ call, params }) => {
      const returnPorts = this.#ports.take();
      try {
        const media = await MediaCall.open(params.rate, {
          clock: this.#clock,
          ticker: this.#ticker,
          openTransport: (events) =>
            new WeriftTransport({ ...this.#settings, relayOnly: params.relayOnly }, this.#guard, events),
          emit: (event) => this.#notify({ call, event }),
        });
        this.#calls.set(call, { media, returnPorts });
      } catch (error) {
        returnPorts();
        throw error;
      }
      return null;
    },
    answer: ({ call, params }) => this.#get(call).answer(params.sdp),
    candidate: ({ call, params }) => this.#get(call).addCandidate(params.candidate),
    clear: ({ call }) => this.#get(call).clear(),
    set: ({ call, params }) => {
      this.#get(call).set(params);
      return null;
    },
    stats: ({ call }) => this.#get(call).stats,
    close: async ({ call }) => {
      await this.#close(call);
      return null;
    },
  };

  /** Queues 20 ms for the caller. A call that has ended is no error: its samples were on the way. */
  play(call: string, samples: Int16Array): void {
    this.#calls.get(call)?.media.play(samples);
  }

  async close(): Promise<void> {
    for (const call of this.#calls.keys()) await this.#close(call);
    this.#guard[Symbol.dispose]();
  }

  async #close(call: string): Promise<void> {
    const open = this.#calls.get(call);
    this.#calls.delete(call);
    await open?.media.close();
    open?.returnPorts();
  }

  #get(call: string): MediaCall {
    const open = this.#calls.get(call);
    if (open === undefined) throw new NoSuchCall(`There is no call ${call}`);
    return open.media;
  }
}

/** An error as it crosses the thread. */
export function failureOf(error: unknown): MediaFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof OfferRefused) return { code: "refused", message };
  if (error instanceof PortsExhausted) return { code: "exhausted", message };
  return { code: error instanceof NoSuchCall ? "gone" : "failed", message };
}
