import type { EngineStatus } from "@armorclaw/protocol";
import type { Service } from "./lifecycle.ts";

/** What the daemon knows of itself. */
export interface BridgeInfo {
  readonly version: string;
  readonly installId: string;
  readonly engine: EngineStatus["kind"];
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** When the bridge started, by the clock that nobody sets. */
  readonly startedMonotonicMs: number;
  readonly socketPath: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  readonly peerCredentials: "available" | "unavailable";
  readonly residentBytes: () => number;
  state: "starting" | "running" | "draining";
  /** Time for the orderly stop. */
  readonly graceMs: () => number;
  /** Begins the orderly stop. */
  readonly shutdown: (graceMs: number) => void;
}

interface Announce {
  (type: "bridge.started", source: string, data: { version: string; pid: number; engine: EngineStatus["kind"] }): void;
  (type: "bridge.draining", source: string, data: { grace_ms: number }): void;
}

/** Publishes that the bridge runs and that it drains: the last service to start and the first to drain. */
export class BridgeState implements Service {
  readonly name = "bridge";
  readonly #info: BridgeInfo;
  readonly #publish: Announce;
  readonly #onServing: () => void;

  constructor(info: BridgeInfo, publish: Announce, onServing: () => void) {
    this.#info = info;
    this.#publish = publish;
    this.#onServing = onServing;
  }

  async start(): Promise<void> {
    const { version, pid, engine } = this.#info;
    this.#info.state = "running";
    this.#publish("bridge.started", "bridge", { version, pid, engine });
    this.#onServing();
  }

  async drain(): Promise<void> {
    this.#info.state = "draining";
    this.#publish("bridge.draining", "bridge", { grace_ms: this.#info.graceMs() });
  }

  async stop(): Promise<void> {}
}
