import { BridgeError, type ContainerId, type ExitInfo } from "@armorclaw/protocol";
import type { Clock } from "../../platform/clock.ts";
import { attestStarted, type Promised } from "../attestation/attest.ts";
import { usageReader } from "../attestation/usage.ts";
import { freeze, thaw } from "../kernel/freezer.ts";
import { startTicks } from "../kernel/proc.ts";
import type { Attestation, Container, OutputLine, Usage } from "../port/engine.ts";
import { explainExit, type RawExit } from "./exit-info.ts";
import type { AgentOutput } from "./output.ts";
import type { ProcessEnd } from "./process-end.ts";

export interface ChildContainerParts {
  readonly id: ContainerId;
  readonly end: ProcessEnd;
  /** The agent's own process. */
  readonly pid: number;
  readonly output: AgentOutput;
  readonly promised: Promised;
  /** Whether the container has its own cgroup. */
  readonly accounted: boolean;
  readonly clock: Clock;
  readonly holds: (pid: number) => boolean | null;
  /** The engine's facts about the end beyond the exit code. */
  readonly explain: () => Pick<RawExit, "oomKilled" | "startFailure">;
  /** Begins to remove the container's files. */
  readonly release: () => void;
}

/** A container whose process the bridge sees directly: a child of this bridge, or of an earlier one. */
export class ChildContainer implements Container {
  readonly id: ContainerId;
  readonly name: string;
  readonly pid: number;
  readonly gone: Promise<void>;
  readonly exited: Promise<ExitInfo>;
  readonly #parts: ChildContainerParts;
  readonly #readUsage: () => Usage | null;
  #ended = false;

  constructor(parts: ChildContainerParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.name = parts.id;
    this.pid = parts.pid;
    this.#readUsage = usageReader(parts.pid, parts.accounted);
    this.gone = parts.end.gone.then(() => {
      this.#ended = true;
    });
    this.exited = this.#watch();
  }

  output(onLine: (line: OutputLine) => void): void {
    this.#parts.output.listen(onLine);
  }

  look(): void {
    this.#parts.end.look();
  }

  async stop(graceMs: number): Promise<void> {
    if (!this.#ended) thaw(this.pid);
    this.#signal("SIGTERM");
    const timer = this.#parts.clock.after(graceMs, () => this.#signal("SIGKILL"));
    await this.exited;
    timer.cancel();
  }

  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    if (!this.#ended) thaw(this.pid);
    await this.exited;
  }

  async pause(): Promise<void> {
    if (!this.#ended) await freeze(this.pid, this.#parts.clock);
  }

  async resume(): Promise<void> {
    if (!this.#ended) thaw(this.pid);
  }

  holds(pid: number): boolean | null {
    return this.#parts.holds(pid);
  }

  async usage(): Promise<Usage | null> {
    return this.#ended ? null : this.#readUsage();
  }

  async attest(): Promise<Attestation> {
    const attestation = await attestStarted(this.pid, this.#parts.promised, this.#parts.clock);
    // A container that has ended cannot be attested; the error reports how it ended.
    if (startTicks(this.pid) === undefined)
      throw new BridgeError("AGENT_START_FAILED", `${this.name} ended: ${(await this.exited).message}`);
    return attestation;
  }

  async #watch(): Promise<ExitInfo> {
    const { end, explain, release } = this.#parts;
    const raw = await end.raw;
    this.#ended = true;
    const info = explainExit({ ...raw, ...explain() });
    release();
    return info;
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#ended) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // The process has just ended; `exited` reports how.
    }
  }
}
