import type { ChildProcess } from "node:child_process";
import { BridgeError, type ContainerId, type ExitInfo } from "@armorclaw/protocol";
import type { Clock } from "../platform/clock.ts";
import { attestStarted, type Promised } from "./attest.ts";
import type { Attestation, Container, OutputLine, Usage } from "./engine.ts";
import { explainExit, type RawExit } from "./exit-info.ts";
import type { AgentOutput } from "./output.ts";
import { startTicks } from "./proc.ts";
import { readUsage } from "./usage.ts";

export interface ChildContainerParts {
  readonly id: ContainerId;
  /** The process that the bridge started and waits for. */
  readonly child: ChildProcess;
  /** The agent's own process. */
  readonly pid: number;
  readonly output: AgentOutput;
  readonly promised: Promised;
  /** Whether a cgroup of its own accounts for it. */
  readonly accounted: boolean;
  readonly clock: Clock;
  /** What the engine knows of the end beyond the exit code. */
  readonly explain: () => Pick<RawExit, "oomKilled" | "startFailure">;
  /** Releases what belongs to the container. */
  readonly release: () => Promise<void>;
}

/** A container that is a child of the bridge. */
export class ChildContainer implements Container {
  readonly id: ContainerId;
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<ExitInfo>;
  readonly #parts: ChildContainerParts;
  #ended = false;

  constructor(parts: ChildContainerParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.name = parts.id;
    this.pid = parts.pid;
    this.exited = this.#watch();
  }

  output(onLine: (line: OutputLine) => void): void {
    this.#parts.output.listen(onLine);
  }

  async stop(graceMs: number): Promise<void> {
    this.#signal("SIGTERM");
    const timer = this.#parts.clock.after(graceMs, () => this.#signal("SIGKILL"));
    await this.exited;
    timer.cancel();
  }

  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.exited;
  }

  async usage(): Promise<Usage | null> {
    return this.#ended ? null : readUsage(this.pid, this.#parts.accounted);
  }

  async attest(): Promise<Attestation> {
    const attestation = await attestStarted(this.pid, this.#parts.promised, this.#parts.clock);
    // What has ended cannot be attested, and how it ended is the better answer.
    if (startTicks(this.pid) === undefined)
      throw new BridgeError("AGENT_START_FAILED", `${this.name} ended: ${(await this.exited).message}`);
    return attestation;
  }

  async #watch(): Promise<ExitInfo> {
    const { child, explain, release } = this.#parts;
    const raw = await new Promise<RawExit>((resolve) => {
      child.once("exit", () => {
        this.#ended = true;
      });
      child.once("close", (code, signal) => resolve({ code, signal }));
    });
    this.#ended = true;
    const info = explainExit({ ...raw, ...explain() });
    await release();
    return info;
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#ended) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // It has just ended; `exited` tells.
    }
  }
}
