import { type BridgeClient, ConnectionError, connect, type EventSubscription, type Gap } from "@armorclaw/client-sdk";
import type { ParamsIn } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";

export interface ConnectOptions {
  /** Tried in turn; the first that answers is used. */
  readonly sockets: readonly string[];
  /** The key that seals messages; undefined when they are not sealed. */
  readonly sealKey: Uint8Array | undefined;
  /** The user whose bridge is meant, besides root; this user when undefined. */
  readonly serverUid: number | undefined;
  readonly signal: AbortSignal;
  /** Whether to connect again when the connection is lost. */
  readonly reconnect: boolean;
}

/** Longer than the bridge's own deadline, so that the error of the bridge, which names the cause, arrives first. */
const callDeadlineMs = 150_000;

/** The command line's connection to the bridge. Methods are strings here: the command tree is derived from the contract. */
export class CliConnection implements AsyncDisposable {
  readonly #client: BridgeClient;
  readonly #signal: AbortSignal;

  private constructor(client: BridgeClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** @throws ConnectionError NOT_CONNECTED, or BridgeError UNAUTHENTICATED when the socket may not be opened */
  static async open({ sockets, sealKey, serverUid, signal, reconnect }: ConnectOptions): Promise<CliConnection> {
    let failure: unknown;
    for (const socketPath of sockets) {
      try {
        const server = {
          ...(sealKey === undefined ? {} : { sealKey }),
          ...(serverUid === undefined ? {} : { serverUid }),
        };
        const options = { socketPath, signal, ...server, ...(reconnect ? {} : { reconnect: false as const }) };
        return new CliConnection(await connect(options), signal);
      } catch (error) {
        signal.throwIfAborted();
        failure = worse(failure, error);
      }
    }
    const causeCode = systemCodeOf(failure);
    if (causeCode === "EACCES" || causeCode === "EPERM") {
      const message = `This user may not connect to ${sockets.join(" or ")}`;
      throw new BridgeError("UNAUTHENTICATED", message, undefined, { cause: failure });
    }
    if (causeCode === "ENOENT" || causeCode === "ECONNREFUSED") {
      const message = `No bridge listens at ${sockets.join(" or ")}`;
      throw new ConnectionError("NOT_CONNECTED", message, { cause: failure });
    }
    throw failure;
  }

  call(method: string, params: unknown, deadlineMs = callDeadlineMs): Promise<unknown> {
    return this.#client.call(method, params, { signal: this.#signal, deadlineMs });
  }

  stream(method: string, params: unknown): AsyncIterable<unknown> {
    return this.#client.stream(method, params, { signal: this.#signal });
  }

  /** Live events; the subscription outlives a restart of the bridge. */
  events(params: ParamsIn<"event.subscribe">, onGap: (gap: Gap) => void): EventSubscription {
    return this.#client.subscribe(params, { signal: this.#signal, onGap });
  }

  /** Calls `listener` when the connection is lost and when it is back. */
  onChange(listener: (state: "lost" | "back") => void): void {
    this.#client.onState((state) => {
      if (state === "reconnecting") listener("lost");
      if (state === "connected") listener("back");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}

/** Whether the connection ended during the call. */
export const isConnectionLost = (error: unknown): boolean =>
  error instanceof ConnectionError && (error.code === "CLOSED" || error.code === "NOT_CONNECTED");

/** Prefers the error of a socket that refuses to that of one that does not exist. */
function worse(first: unknown, second: unknown): unknown {
  return first === undefined || systemCodeOf(first) === "ENOENT" ? second : first;
}

function systemCodeOf(error: unknown): string | undefined {
  for (let cause = error as NodeJS.ErrnoException | undefined; cause; cause = cause.cause as typeof cause) {
    if (typeof cause.code === "string" && /^E[A-Z]+$/.test(cause.code)) return cause.code;
  }
  return undefined;
}
