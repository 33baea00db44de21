import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../../../platform/clock.ts";
import { WorkerRpcClient } from "../../../platform/worker-rpc.ts";
import type {
  MediaEvent,
  MediaFailure,
  MediaMethods,
  MediaNotice,
  MediaSettings,
  PlaySamples,
} from "../protocol/media-protocol.ts";

const inFlightMax = 1_000;
/** Applying an offer takes some 50 ms. */
const deadlineMs = 10_000;
const endDeadlineMs = 3_000;

/** The media of calls, wherever it runs. */
export interface Media {
  /** @throws BridgeError CALL_OFFER_REFUSED, CALL_LIMIT_REACHED, CALL_NOT_FOUND or CALL_MEDIA_FAILED */
  request<N extends keyof MediaMethods>(
    call: string,
    method: N,
    params: MediaMethods[N]["params"]["params"],
  ): Promise<MediaMethods[N]["result"]>;
  /** Queues 20 ms for the caller, at the call's rate. The samples' memory is transferred. */
  play(call: string, samples: Int16Array<ArrayBuffer>): void;
}

export interface MediaListener {
  event(call: string, event: MediaEvent): void;
  /** The thread has ended although nobody stopped it, and all calls with it. */
  ended(error: unknown): void;
}

/** The bridge's end of the media thread. */
export class MediaClient implements Media {
  readonly #rpc: WorkerRpcClient<MediaMethods, MediaNotice, PlaySamples, MediaFailure>;

  constructor(settings: MediaSettings, clock: Clock, listener: MediaListener) {
    this.#rpc = new WorkerRpcClient({
      program: new URL("../media/main.ts", import.meta.url),
      name: "media",
      workerData: settings,
      clock,
      inFlightMax,
      deadlineMs,
      errorOf,
      noAnswer: (why, method, cause) => {
        const message = why === "late" ? `The media thread did not answer ${method} in time` : undefined;
        return new BridgeError("CALL_MEDIA_FAILED", message, undefined, { cause });
      },
      onNotice: ({ call, event }) => listener.event(call, event),
      onExit: listener.ended,
    });
  }

  /** Resolves when the thread takes requests. */
  get ready(): Promise<void> {
    return this.#rpc.ready;
  }

  request<N extends keyof MediaMethods>(
    call: string,
    method: N,
    params: MediaMethods[N]["params"]["params"],
  ): Promise<MediaMethods[N]["result"]> {
    return this.#rpc.call(method, { call, params } as MediaMethods[N]["params"]);
  }

  play(call: string, samples: Int16Array<ArrayBuffer>): void {
    this.#rpc.command({ call, samples }, [samples.buffer]);
  }

  /** Ends all calls and the thread. */
  close(): Promise<void> {
    return this.#rpc.close(endDeadlineMs);
  }
}

const codes = {
  refused: "CALL_OFFER_REFUSED",
  exhausted: "CALL_LIMIT_REACHED",
  gone: "CALL_NOT_FOUND",
  failed: "CALL_MEDIA_FAILED",
} as const;

const errorOf = ({ code, message }: MediaFailure): BridgeError =>
  new BridgeError(codes[code], message, code === "exhausted" ? { limit: "webrtc.port_range" } : undefined);
