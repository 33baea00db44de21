import { BridgeError, ContainerId, type ExitInfo } from "@armorclaw/protocol";
import type Docker from "dockerode";
import { aborted } from "../../platform/abort.ts";
import { type Clock, delay } from "../../platform/clock.ts";
import { attestStarted, type Promised } from "../attestation/attest.ts";
import { usageReader } from "../attestation/usage.ts";
import { freeze, thaw } from "../kernel/freezer.ts";
import { readKernelFile, startTicks } from "../kernel/proc.ts";
import type { Attestation, Container, LastSeen, OutputLine, Usage } from "../port/engine.ts";
import { explainExit } from "../process/exit-info.ts";
import { statusOf, tolerate } from "./docker-errors.ts";
import { DockerOutput } from "./docker-output.ts";

export interface DockerContainerParts {
  readonly docker: Docker;
  readonly container: Docker.Container;
  readonly name: string;
  /** The engine's pid of the process; it is a pid of this machine only when the engine runs here. */
  readonly pid: number;
  readonly promised: Promised;
  /** The requested OCI runtime, and the one that the engine reports. */
  readonly runtime: { readonly asked: string | undefined; readonly applied: string | undefined };
  readonly clock: Clock;
  /** Owns the removal of an ended container, which nothing else waits for. */
  readonly onEnded: (removal: Promise<void>) => void;
  /** Whether an earlier bridge started it. */
  readonly isAdopted: boolean;
  /** Aborts when the engine is closed: from then on the container is not watched. */
  readonly closed: AbortSignal;
}

const callTimeoutMs = 10_000;
/** The longest duration of one long poll. It is bounded because a wait whose connection breaks after the headers would never settle. */
const waitTimeoutMs = 60_000;
const retryMs = 500;
const soonMs = 5;

/** A container of the Docker engine, watched by a long poll and by inspection whenever that ends. */
export class DockerContainer implements Container {
  readonly id: ContainerId;
  readonly name: string;
  readonly gone: Promise<void>;
  readonly exited: Promise<ExitInfo>;
  readonly #parts: DockerContainerParts;
  readonly #isHere: boolean;
  readonly #born: string | undefined;
  readonly #readUsage: () => Usage | null;
  readonly #gone = Promise.withResolvers<void>();
  #looked = Promise.withResolvers<void>();
  #drained: Promise<void> = Promise.resolve();

  constructor(parts: DockerContainerParts) {
    this.#parts = parts;
    this.id = ContainerId.parse(parts.container.id);
    this.name = parts.name;
    this.#isHere = readKernelFile(`/proc/${parts.pid}/cgroup`)?.includes(this.id) === true;
    this.#born = this.#isHere ? startTicks(parts.pid) : undefined;
    this.#readUsage = usageReader(parts.pid, true);
    this.gone = this.#gone.promise;
    this.exited = this.#watch();
  }

  get pid(): number | null {
    return this.#isHere ? this.#parts.pid : null;
  }

  output(onLine: (line: OutputLine) => void, after: LastSeen = {}): void {
    const { container, clock, closed, isAdopted } = this.#parts;
    const takenOverAtMs = isAdopted ? clock.now() : undefined;
    const output = new DockerOutput({ container, clock, closed, onLine, after, takenOverAtMs, ended: this.gone });
    this.#drained = output.follow();
  }

  look(): void {
    if (this.#isHere && !this.#isAlive) this.#gone.resolve();
    this.#looked.resolve();
  }

  async pause(): Promise<void> {
    if (this.#isHere && this.#isAlive) await freeze(this.#parts.pid, this.#parts.clock);
    else await tolerate([404, 409], this.#parts.container.pause(limited()));
  }

  async resume(): Promise<void> {
    if (this.#isHere && this.#isAlive) thaw(this.#parts.pid);
    else await tolerate([404, 409, 500], this.#parts.container.unpause(limited()));
  }

  holds(pid: number): boolean | null {
    if (!this.#isHere) return null;
    return readKernelFile(`/proc/${pid}/cgroup`)?.includes(this.id) ?? null;
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#isHere && this.#isAlive) thaw(this.#parts.pid);
    await this.#signal("SIGTERM");
    const timer = this.#parts.clock.after(graceMs, () => void this.#signal("SIGKILL"));
    await this.exited;
    timer.cancel();
  }

  async kill(): Promise<void> {
    await this.#signal("SIGKILL");
    await this.exited;
  }

  async usage(): Promise<Usage | null> {
    return this.#isHere ? this.#readUsage() : null;
  }

  async attest(): Promise<Attestation> {
    const { pid, promised, clock, runtime } = this.#parts;
    const attestation = withRuntime(this.#isHere ? await attestStarted(pid, promised, clock) : unseen, runtime);
    // A container that has ended cannot be attested; the error reports how it ended.
    if (attestation.missing.length > 0 && (await this.#state())?.Running !== true)
      throw new BridgeError("AGENT_START_FAILED", `${this.name} ended: ${(await this.exited).message}`);
    return attestation;
  }

  async #watch(): Promise<ExitInfo> {
    const { container, closed, clock } = this.#parts;
    while (!closed.aborted) {
      const cut = AbortSignal.any([closed, AbortSignal.timeout(waitTimeoutMs)]);
      // Inspection decides, whatever the wait returned.
      const waited = container.wait({ abortSignal: cut }).catch(() => undefined);
      await Promise.race([waited, this.#looked.promise, aborted(cut)]);
      this.#looked = Promise.withResolvers();
      const state = await this.#state().catch(() => null);
      if (state === undefined || (state !== null && !state.Running)) this.#gone.resolve();
      if (state === undefined) return explainExit({ code: null });
      if (state !== null && !state.Running) return await this.#finish(state);
      // The process is gone; the engine will notice it shortly.
      const soon = this.#isHere && !this.#isAlive && state !== null;
      const pause = delay(clock, soon ? soonMs : retryMs, closed).catch(() => undefined);
      await Promise.race([pause, this.#looked.promise]);
      if (soon) this.#looked.resolve();
    }
    return explainExit({ code: null });
  }

  async #finish(state: State): Promise<ExitInfo> {
    await Promise.race([this.#drained, aborted(AbortSignal.timeout(callTimeoutMs))]);
    this.#parts.onEnded(tolerate([404, 409], this.#parts.container.remove({ force: true, v: true, ...limited() })));
    const failure = state.Status === "created" ? state.Error : "";
    return explainExit({
      code: state.ExitCode,
      oomKilled: state.OOMKilled,
      ...(failure === "" ? {} : { startFailure: failure }),
    });
  }

  /** Undefined when the container is gone. */
  async #state(): Promise<State | undefined> {
    try {
      return (await this.#parts.container.inspect(limited())).State;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  get #isAlive(): boolean {
    return this.#born !== undefined && startTicks(this.#parts.pid) === this.#born;
  }

  /** A signal that comes too late, or while the engine is away, is not an error: `exited` reports how the container ended. */
  async #signal(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (this.#isHere && this.#isAlive && signalProcess(this.#parts.pid, signal)) return;
    await this.#parts.container.kill({ signal, ...limited() }).catch(() => undefined);
  }
}

const unseen: Attestation = {
  isolation: "none",
  missing: ["the kernel's confirmation: the engine runs on another machine or in a virtual machine"],
  facts: {},
};

function withRuntime(attestation: Attestation, { asked, applied }: DockerContainerParts["runtime"]): Attestation {
  const facts = { ...attestation.facts, runtime: applied ?? null };
  if (asked === undefined || asked === applied) return { ...attestation, facts };
  return {
    isolation: "none",
    missing: [...attestation.missing, `the runtime ${asked}: ${applied ?? "another"} was used`],
    facts,
  };
}

type State = Docker.ContainerInspectInfo["State"];

const limited = () => ({ abortSignal: AbortSignal.timeout(callTimeoutMs) });

/** The bridge writes to the cgroup itself: that is faster than the engine, and works while the engine is away. */
function signalProcess(pid: number, signal: "SIGTERM" | "SIGKILL"): boolean {
  try {
    process.kill(pid, signal);
    if (signal === "SIGKILL") thaw(pid);
    return true;
  } catch {
    return false;
  }
}
