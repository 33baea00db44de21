import { Worker } from "node:worker_threads";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../../../platform/clock.ts";
import type {
  FromMedia,
  MediaEvent,
  MediaFailure,
  MediaRequestName,
  MediaRequests,
  MediaSettings,
} from "../protocol/media-messages.ts";

/** What may wait for the media thread at once. */
const pendingMax = 1_000;
/** Applying an offer takes some 50 ms. */
const requestDeadlineMs = 10_000;
const endDeadlineMs = 3_000;

/** Calls' media, wherever it runs. */
export interface Media {
  /** @throws BridgeError CALL_OFFER_REFUSED, CALL_LIMIT_REACHED, CALL_NOT_FOUND or CALL_MEDIA_FAILED */
  request<N extends MediaRequestName>(
    call: string,
    name: N,
    params: MediaRequests[N]["params"],
  ): Promise<MediaRequests[N]["result"]>;
  /** 20 ms for the caller, at the call's rate. The samples are given away. */
  say(call: string, samples: Int16Array<ArrayBuffer>): void;
}

export interface MediaListener {
  event(call: string, event: MediaEvent): void;
  /** The thread has ended of its own accord, and all calls with it. */
  ended(error: unknown): void;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly deadline: { cancel(): void };
}

/** The bridge's end of the media thread. */
export class MediaClient implements Media {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #listener: MediaListener;
  readonly #pending = new Map<number, Pending>();
  readonly #ready = Promise.withResolvers<void>();
  #nextId = 1;
  #isEnding = false;

  constructor(settings: MediaSettings, clock: Clock, listener: MediaListener) {
    this.#clock = clock;
    this.#listener = listener;
    // Sources run as they are, built files as JavaScript.
    const file = import.meta.url.endsWith(".ts") ? "../media/main.ts" : "../media/main.js";
    this.#worker = new Worker(new URL(file, import.meta.url), {
      workerData: settings,
      name: "media",
      env: {},
      execArgv: [],
    });
    let failure: unknown;
    this.#ready.promise.catch(() => undefined);
    this.#worker.on("message", (message: FromMedia) => this.#receive(message));
    this.#worker.on("error", (error) => {
      failure = error;
    });
    this.#worker.on("exit", (code) => this.#exited(failure ?? new Error(`the media thread ended with code ${code}`)));
  }

  /** Resolves when the thread takes requests. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  request<N extends MediaRequestName>(
    call: string,
    name: N,
    params: MediaRequests[N]["params"],
  ): Promise<MediaRequests[N]["result"]> {
    if (this.#isEnding || this.#pending.size >= pendingMax) return Promise.reject(new BridgeError("CALL_MEDIA_FAILED"));
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      const deadline = this.#clock.after(requestDeadlineMs, () => {
        this.#pending.delete(id);
        reject(new BridgeError("CALL_MEDIA_FAILED", `The media thread did not answer ${name} in time`));
      });
      this.#pending.set(id, { resolve, reject, deadline });
      this.#worker.postMessage({ kind: "request", id, call, name, params });
    }) as Promise<MediaRequests[N]["result"]>;
  }

  say(call: string, samples: Int16Array<ArrayBuffer>): void {
    if (!this.#isEnding) this.#worker.postMessage({ kind: "say", call, samples }, [samples.buffer]);
  }

  /** Ends all calls and the thread. */
  async close(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const ended = new Promise<void>((resolve) => this.#worker.once("exit", () => resolve()));
    this.#worker.postMessage("end");
    const deadline = this.#clock.after(endDeadlineMs, () => void this.#worker.terminate());
    await ended;
    deadline.cancel();
  }

  #receive(message: FromMedia): void {
    if (message.kind === "ready") this.#ready.resolve();
    else if (message.kind === "event") this.#listener.event(message.call, message.event);
    else {
      const pending = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      pending?.deadline.cancel();
      if (message.kind === "result") pending?.resolve(message.result);
      else pending?.reject(bridgeError(message.failure));
    }
  }

  #exited(error: unknown): void {
    this.#ready.reject(error);
    for (const { reject, deadline } of this.#pending.values()) {
      deadline.cancel();
      reject(new BridgeError("CALL_MEDIA_FAILED", undefined, undefined, { cause: error }));
    }
    this.#pending.clear();
    if (!this.#isEnding) this.#listener.ended(error);
    this.#isEnding = true;
  }
}

const codes = {
  refused: "CALL_OFFER_REFUSED",
  exhausted: "CALL_LIMIT_REACHED",
  gone: "CALL_NOT_FOUND",
  failed: "CALL_MEDIA_FAILED",
} as const;

const bridgeError = ({ code, message }: MediaFailure): BridgeError =>
  new BridgeError(codes[code], message, code === "exhausted" ? { limit: "webrtc.port_range" } : undefined);
