import { type BridgeClient, createClient } from "@armorclaw/client-sdk";
import type { AgentActivity, Result } from "@armorclaw/protocol";
import { untilNextBeat } from "./beat-times.ts";
import { runtimeVersion } from "./version.ts";

/** A restarted bridge is found again soon, without 15 agents knocking in step. */
const reconnect = { initialMs: 50, maxMs: 2_000, giveUpAfterMs: 10 * 60_000 };
/** Long, as the bridge lets one that stands by wait for its answer. A bridge that ends, or wants it no more, ends the connection. */
const helloDeadlineMs = 24 * 60 * 60_000;

export type Hello = Result<"agent.hello">;

export interface LinkOptions {
  readonly socketPath: string;
  readonly pid: number;
  /** What the next heartbeat says. */
  activity(): AgentActivity;
  /** A heartbeat that was not acknowledged. */
  onTrouble(message: string): void;
}

/** The agent's one way out. Says hello first on every connection, and beats while there is one. */
export interface Link {
  readonly client: BridgeClient;
  /** The first hello's answer. Rejects when the bridge refuses the agent or none could be reached. */
  readonly hello: Promise<Hello>;
  /** Whether the bridge has answered hello on the connection that is open now. */
  connected(): boolean;
  /** Resolves when the link is closed for good, with what led to it. */
  readonly closed: Promise<unknown>;
  close(): Promise<void>;
}

export function openLink(options: LinkOptions): Link {
  const hello = Promise.withResolvers<Hello>();
  const closed = Promise.withResolvers<unknown>();
  hello.promise.catch(() => {});
  let connected = false;
  let pulse: Heart | undefined;
  const client = createClient({
    socketPath: options.socketPath,
    reconnect,
    // The agent's own heartbeats tell whether the bridge answers.
    heartbeatMs: 0,
    greet: async (call) => {
      const params = { runtime_version: runtimeVersion, pid: options.pid };
      const answer = await call("agent.hello", params, { deadlineMs: helloDeadlineMs });
      hello.resolve(answer);
      pulse ??= new Heart(client, options, () => connected);
      pulse.every(answer.heartbeat_ms);
    },
  });
  client.onState((state, reason) => {
    connected = state === "connected";
    if (state === "connected") pulse?.beat();
    if (state !== "closed") return;
    pulse?.stop();
    hello.reject(reason);
    closed.resolve(reason);
  });
  // Connects: a lazy client has nothing to do before its first call.
  client.rpc.ping().catch(() => {});
  const close = () => client.close();
  return { client, hello: hello.promise, connected: () => connected, closed: closed.promise, close };
}

/** Heartbeats, numbered from 1 over all connections, with how late this process's own timer was. */
class Heart {
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

  every(ms: number): void {
    this.#everyMs = ms;
    this.stop();
  }

  /** Beats now, and from then on at the interval. */
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
