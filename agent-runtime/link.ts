import { type BridgeClient, createClient } from "@armorclaw/client-sdk";
import type { AgentActivity, Result } from "@armorclaw/protocol";
import { untilNextBeat } from "./beat-times.ts";
import { serverUidOf } from "./mounted-socket.ts";
import { runtimeVersion } from "./version.ts";

/** The first wait is short, so that agents find a restarted bridge soon. */
const reconnect = { initialMs: 50, maxMs: 2_000, giveUpAfterMs: 10 * 60_000 };
/** A standby gets the answer to its hello only when it takes over, so the deadline is long. A bridge that ends, or drops the standby, closes the connection. */
const helloDeadlineMs = 24 * 60 * 60_000;

export type Hello = Result<"agent.hello">;

export interface LinkOptions {
  readonly socketPath: string;
  readonly pid: number;
  /** The activity that the next heartbeat reports. */
  activity(): AgentActivity;
  /** Called for each heartbeat that was not acknowledged. */
  onTrouble(message: string): void;
}

/** The agent's connection to the bridge. It calls agent.hello first on every connection and sends heartbeats while it is open. */
export interface Link {
  readonly client: BridgeClient;
  /** The answer to the first hello. Rejects when the bridge refuses the agent or cannot be reached. */
  readonly hello: Promise<Hello>;
  /** The answer to the newest hello. */
  latest(): Hello | undefined;
  /** Calls the listener with the answer to each later hello: a bridge that was restarted may have another configuration. */
  onHello(listener: (answer: Hello) => void): void;
  /** Whether the bridge has answered hello on the connection that is open now. */
  connected(): boolean;
  /** Resolves with the reason when the link is closed for good. */
  readonly closed: Promise<unknown>;
  close(): Promise<void>;
}

export function openLink(options: LinkOptions): Link {
  const hello = Promise.withResolvers<Hello>();
  const closed = Promise.withResolvers<unknown>();
  hello.promise.catch(() => {});
  const listeners = new Set<(answer: Hello) => void>();
  let latest: Hello | undefined;
  let connected = false;
  let heartbeats: HeartbeatSender | undefined;
  const client = createClient({
    socketPath: options.socketPath,
    ...trustOf(options.socketPath),
    reconnect,
    // The agent's own heartbeats show whether the bridge answers.
    heartbeatMs: 0,
    greet: async (call) => {
      const params = { runtime_version: runtimeVersion, pid: options.pid };
      const answer = await call("agent.hello", params, { deadlineMs: helloDeadlineMs });
      latest = answer;
      hello.resolve(answer);
      for (const listener of listeners) listener(answer);
      heartbeats ??= new HeartbeatSender(client, options, () => connected);
      heartbeats.setInterval(answer.heartbeat_ms);
    },
  });
  client.onState((state, reason) => {
    connected = state === "connected";
    if (state === "connected") heartbeats?.beat();
    if (state !== "closed") return;
    heartbeats?.stop();
    hello.reject(reason);
    closed.resolve(reason);
  });
  // A client connects at its first call.
  client.rpc.ping().catch(() => {});
  const close = () => client.close();
  return {
    client,
    hello: hello.promise,
    latest: () => latest,
    onHello: (listener) => void listeners.add(listener),
    connected: () => connected,
    closed: closed.promise,
    close,
  };
}

function trustOf(socketPath: string): { readonly serverUid?: "any" } {
  const serverUid = serverUidOf(socketPath);
  return serverUid === undefined ? {} : { serverUid };
}

/** Sends heartbeats, numbered from 1 over all connections, with the delay of this process's own timer. */
class HeartbeatSender {
  readonly #client: BridgeClient;
  readonly #options: LinkOptions;
  readonly #connected: () => boolean;
  #timer: NodeJS.Timeout | undefined;
  #everyMs = 0;
  #dueMs = 0;
  #seq = 0;

  constructor(client: BridgeClient, options: LinkOptions, connected: () => boolean) {
    this.#client = client;
    this.#options = options;
    this.#connected = connected;
  }

  setInterval(ms: number): void {
    this.#everyMs = ms;
    this.stop();
  }

  /** Sends a heartbeat now, and from then on at the interval. */
  beat(): void {
    this.#dueMs = performance.now();
    this.#next();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #next(): void {
    const lagMs = Math.max(0, performance.now() - this.#dueMs);
    if (!this.#connected()) return;
    void this.#send(Math.round(lagMs * 10) / 10);
    const waitMs = untilNextBeat(performance.timeOrigin + performance.now(), this.#everyMs);
    this.#dueMs = performance.now() + waitMs;
    this.#timer = setTimeout(() => this.#next(), waitMs);
  }

  async #send(lagMs: number): Promise<void> {
    const seq = ++this.#seq;
    const params = { seq, activity: this.#options.activity(), rss_bytes: process.memoryUsage.rss(), lag_ms: lagMs };
    try {
      await this.#client.agent.heartbeat(params, { deadlineMs: Math.max(1_000, this.#everyMs) });
    } catch (error) {
      if (this.#connected()) this.#options.onTrouble(`heartbeat ${seq} was not acknowledged: ${error}`);
    }
  }
}
