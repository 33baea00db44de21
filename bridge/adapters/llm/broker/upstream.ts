import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from "node:http";
import { type Duplex, pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock, Timer } from "../../../platform/clock.ts";
import { withoutTrailingSlashes } from "../../../platform/trailing-slashes.ts";

export interface UpstreamSettings {
  readonly baseUrl: string;
  /** From the request's end to the answer's head. */
  readonly headMs: number;
  /** Between two pieces of the answer. */
  readonly idleMs: number;
  readonly connectionsMax: number;
}

/** How a request ended that got no usable answer. */
export class UpstreamFailure extends Error {
  override readonly name = "UpstreamFailure";
  /**
   * `unsent`: the provider has seen nothing. `unknown`: the provider may have answered, and bill. `refused`: the provider refuses
   * the request. `busy`: the provider refuses for now.
   */
  readonly kind: "unsent" | "unknown" | "refused" | "busy";
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: UpstreamFailure["kind"],
    message: string,
    facts: { status?: number; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: facts.cause });
    this.kind = kind;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

export interface UpstreamAnswer {
  /** Pieces of the body. The request ends when the loop over them ends, however it ends. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Whether the body is JSON and no stream of events. */
  readonly isJson: boolean;
}

const errorBytesMax = 65_536;
/** Errors of a connection that was never made. */
const unsentCodes: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Content codings that are decoded although the request asks for none: some servers and CDNs compress anyway. */
const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** One provider's HTTP: posts JSON, keeps connections, follows no redirect. */
export class Upstream {
  readonly #settings: UpstreamSettings;
  readonly #clock: Clock;
  readonly #isSecure: boolean;
  #agent: HttpAgent | undefined;

  constructor(settings: UpstreamSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#isSecure = settings.baseUrl.startsWith("https:");
  }

  /** @throws UpstreamFailure, or the signal's reason */
  async post(
    path: string,
    headers: Record<string, string>,
    body: string,
    signal: AbortSignal,
  ): Promise<UpstreamAnswer> {
    signal.throwIfAborted();
    const url = new URL(`${withoutTrailingSlashes(this.#settings.baseUrl)}${path}`);
    // Node's HTTP is loaded with the first call: it takes 13 MB, which a bridge without model calls does not need.
    const http = process.getBuiltinModule(this.#isSecure ? "node:https" : "node:http");
    this.#agent ??= new http.Agent({ keepAlive: true, maxSockets: this.#settings.connectionsMax });
    const options = {
      method: "POST",
      agent: this.#agent,
      signal,
      headers: {
        ...headers,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        // Without this header any coding is allowed (RFC 9110 12.5.3).
        "accept-encoding": "identity",
        "content-length": Buffer.byteLength(body),
      },
    };
    const request = http.request(url, options);
    const response = await this.#head(request, body, signal);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) {
      const isJson = /^application\/(?:[\w.+-]+\+)?json\b/i.test(response.headers["content-type"] ?? "");
      return { body: this.#pieces(request, response, signal), isJson };
    }
    throw await this.#failureOf(request, response, status, signal);
  }

  /** Ends its connections. */
  close(): void {
    this.#agent?.destroy();
  }

  #head(request: ClientRequest, body: string, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(this.#settings.headMs, () => {
        request.destroy(new UpstreamFailure("unknown", `No answer within ${this.#settings.headMs} ms`));
      });
      request.once("response", (response) => {
        timer.cancel();
        resolve(response);
      });
      request.on("error", (error: NodeJS.ErrnoException) => {
        timer.cancel();
        reject(signal.aborted ? signal.reason : failureOf(error, request.reusedSocket));
      });
      request.end(body);
    });
  }

  async *#pieces(request: ClientRequest, response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let timer: Timer | undefined;
    const { idleMs } = this.#settings;
    const onIdle = () =>
      response.destroy(new UpstreamFailure("unknown", `Nothing of the answer came for ${idleMs} ms`));
    try {
      timer = this.#clock.after(idleMs, onIdle);
      for await (const piece of decoded(response) as AsyncIterable<Uint8Array>) {
        timer.cancel();
        yield piece;
        timer = this.#clock.after(idleMs, onIdle);
      }
      if (!response.complete) throw new UpstreamFailure("unknown", "The answer broke off");
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error instanceof UpstreamFailure
        ? error
        : new UpstreamFailure("unknown", "The answer broke off", { cause: error });
    } finally {
      timer?.cancel();
      // The connection of an answer that was read to its end serves the next request.
      if (!response.complete) request.destroy();
    }
  }

  async #failureOf(
    request: ClientRequest,
    response: IncomingMessage,
    status: number,
    signal: AbortSignal,
  ): Promise<UpstreamFailure> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of this.#pieces(request, response, signal)) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > errorBytesMax) break;
    }
    const text = Buffer.concat(pieces).toString("utf8").slice(0, errorBytesMax);
    const retryAfterMs = retryAfter(response.headers, this.#clock.now());
    const isBusy = status === 408 || status === 409 || status === 429 || status >= 500;
    return new UpstreamFailure(isBusy ? "busy" : "refused", text, { status, retryAfterMs });
  }
}

/** The body without its content coding. @throws UpstreamFailure for a coding that the bridge does not know */
function decoded(response: IncomingMessage): Readable {
  const coding = response.headers["content-encoding"]?.trim().toLowerCase() ?? "";
  if (coding === "" || coding === "identity") return response;
  const decoder = Object.hasOwn(decoders, coding) ? decoders[coding] : undefined;
  if (decoder === undefined) throw new UpstreamFailure("unknown", `The answer has the unknown coding ${coding}`);
  // The loop over the decoder gets the error; the callback is only required.
  return pipeline(response, decoder(), () => undefined);
}

function failureOf(error: NodeJS.ErrnoException, wasReused: boolean): Error {
  if (error instanceof UpstreamFailure) return error;
  // The provider had closed a kept connection, so that the request did not reach it.
  const isUnsent =
    unsentCodes.has(error.code ?? "") || (wasReused && (error.code === "ECONNRESET" || error.code === "EPIPE"));
  return new UpstreamFailure(isUnsent ? "unsent" : "unknown", `No answer (${error.code ?? error.message})`, {
    cause: error,
  });
}

/** The wait that `retry-after` or `retry-after-ms` asks for, in milliseconds. */
function retryAfter(headers: IncomingMessage["headers"], nowMs: number): number | undefined {
  const ms = Number(headers["retry-after-ms"]);
  if (headers["retry-after-ms"] !== undefined && ms >= 0) return ms;
  const text = headers["retry-after"];
  if (text === undefined) return undefined;
  const seconds = Number(text);
  const waitMs = Number.isNaN(seconds) ? Date.parse(text) - nowMs : seconds * 1_000;
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : undefined;
}

const replyBytesMax = 32 * 1_048_576;

/** The whole body as text. */
export async function readAll({ body }: UpstreamAnswer): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > replyBytesMax)
      throw new BridgeError("LLM_STREAM_FAILED", `The answer is longer than ${replyBytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
