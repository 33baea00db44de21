import { StunGuard } from "../../../patches/werift/stun-guard.ts";
import type { Clock } from "../../../platform/clock.ts";
import type {
  FromMedia,
  MediaFailure,
  MediaRequestName,
  MediaRequests,
  MediaSettings,
  ToMedia,
} from "../protocol/media-messages.ts";
import { MediaCall } from "./media-call.ts";
import { PortPool } from "./port-pool.ts";
import { Ticker } from "./ticker.ts";
import { OfferRefused, PortsExhausted } from "./transport.ts";
import { WeriftTransport } from "./werift-transport.ts";

type Requests = {
  readonly [N in MediaRequestName]: (
    call: string,
    params: MediaRequests[N]["params"],
  ) => Promise<MediaRequests[N]["result"]> | MediaRequests[N]["result"];
};

interface OpenCall {
  readonly media: MediaCall;
  readonly givePortsBack: () => void;
}

class NoSuchCall extends Error {}

/** All calls' media: what the media thread runs. */
export class MediaEngine {
  readonly #settings: MediaSettings;
  readonly #clock: Clock;
  readonly #post: (message: FromMedia) => void;
  readonly #ports: PortPool;
  readonly #guard = new StunGuard();
  readonly #ticker: Ticker;
  readonly #calls = new Map<string, OpenCall>();

  constructor(settings: MediaSettings, clock: Clock, post: (message: FromMedia) => void) {
    this.#settings = settings;
    this.#clock = clock;
    this.#post = post;
    this.#ticker = new Ticker(clock);
    this.#ports = new PortPool(settings.portRange, settings.addresses.length);
  }

  receive(message: ToMedia): void {
    if (message.kind === "say") this.#calls.get(message.call)?.media.say(message.samples);
    else void this.#answer(message);
  }

  async close(): Promise<void> {
    for (const call of this.#calls.keys()) await this.#requests.close(call, null);
    this.#guard[Symbol.dispose]();
  }

  readonly #requests: Requests = {
    open: async (call, { rate, relayOnly }) => {
      const givePortsBack = this.#ports.take();
      try {
        const media = await MediaCall.open(rate, {
          clock: this.#clock,
          ticker: this.#ticker,
          openTransport: (events) => new WeriftTransport({ ...this.#settings, relayOnly }, this.#guard, events),
          emit: (event) => this.#post({ kind: "event", call, event }),
        });
        this.#calls.set(call, { media, givePortsBack });
      } catch (error) {
        givePortsBack();
        throw error;
      }
      return null;
    },
    answer: (call, { sdp }) => this.#get(call).answer(sdp),
    candidate: (call, { candidate }) => this.#get(call).addCandidate(candidate),
    clear: (call) => this.#get(call).clear(),
    set: (call, flags) => {
      this.#get(call).set(flags);
      return null;
    },
    stats: (call) => this.#get(call).stats,
    close: async (call) => {
      const open = this.#calls.get(call);
      this.#calls.delete(call);
      await open?.media.close();
      open?.givePortsBack();
      return null;
    },
  };

  #get(call: string): MediaCall {
    const open = this.#calls.get(call);
    if (open === undefined) throw new NoSuchCall(`There is no call ${call}`);
    return open.media;
  }

  async #answer({ id, call, name, params }: Extract<ToMedia, { kind: "request" }>): Promise<void> {
    try {
      const request = this.#requests[name] as (call: string, params: unknown) => unknown;
      this.#post({ kind: "result", id, result: await request(call, params) });
    } catch (error) {
      this.#post({ kind: "failure", id, failure: failureOf(error) });
    }
  }
}

function failureOf(error: unknown): MediaFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof OfferRefused) return { code: "refused", message };
  if (error instanceof PortsExhausted) return { code: "exhausted", message };
  return { code: error instanceof NoSuchCall ? "gone" : "failed", message };
}
