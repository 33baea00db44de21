import { PassThrough } from "node:stream";
import { BridgeError, ContainerId, type ExitInfo } from "@armorclaw/protocol";
import type Docker from "dockerode";
import { type Clock, delay } from "../platform/clock.ts";
import { attestStarted, type Promised } from "./attest.ts";
import { statusOf, tolerate } from "./docker-errors.ts";
import type { Attestation, Container, OutputLine, Usage } from "./engine.ts";
import { explainExit } from "./exit-info.ts";
import { AgentOutput } from "./output.ts";
import { readKernelFile } from "./proc.ts";
import { readUsage } from "./usage.ts";

export interface DockerContainerParts {
  readonly docker: Docker;
  readonly container: Docker.Container;
  readonly name: string;
  /** As the engine numbers it; on this machine only when the engine runs here. */
  readonly pid: number;
  readonly promised: Promised;
  readonly clock: Clock;
  /** Aborts when the engine is closed: from then on nothing is watched. */
  readonly closed: AbortSignal;
}

const callTimeoutMs = 10_000;
/** One long poll. It is cut because a wait whose connection breaks after the headers would never settle. */
const waitTimeoutMs = 60_000;
const retryMs = 500;

/** A container of the Docker engine, watched by a long poll and by inspection whenever that ends. */
export class DockerContainer implements Container {
  readonly id: ContainerId;
  readonly name: string;
  readonly exited: Promise<ExitInfo>;
  readonly #parts: DockerContainerParts;
  readonly #isHere: boolean;
  #drained: Promise<void> = Promise.resolve();

  constructor(parts: DockerContainerParts) {
    this.#parts = parts;
    this.id = ContainerId.parse(parts.container.id);
    this.name = parts.name;
    this.#isHere = readKernelFile(`/proc/${parts.pid}/cgroup`)?.includes(this.id) === true;
    this.exited = this.#watch();
  }

  get pid(): number | null {
    return this.#isHere ? this.#parts.pid : null;
  }

  output(onLine: (line: OutputLine) => void): void {
    const output = new AgentOutput();
    output.listen(onLine);
    this.#drained = this.#follow(output);
  }

  async stop(graceMs: number): Promise<void> {
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
    return this.#isHere ? readUsage(this.#parts.pid, true) : null;
  }

  async attest(): Promise<Attestation> {
    const { pid, promised, clock } = this.#parts;
    const attestation = this.#isHere ? await attestStarted(pid, promised, clock) : unseen;
    // What has ended cannot be attested, and how it ended is the better answer.
    if (attestation.missing.length > 0 && (await this.#state())?.Running !== true)
      throw new BridgeError("AGENT_START_FAILED", `${this.name} ended: ${(await this.exited).message}`);
    return attestation;
  }

  async #watch(): Promise<ExitInfo> {
    const { container, closed, clock } = this.#parts;
    while (!closed.aborted) {
      const cut = AbortSignal.any([closed, AbortSignal.timeout(waitTimeoutMs)]);
      // Whatever the wait says or fails with, inspection decides.
      await Promise.race([container.wait({ abortSignal: cut }).catch(() => undefined), whenAborted(cut)]);
      const state = await this.#state().catch(() => null);
      if (state === undefined) return explainExit({ code: null });
      if (state !== null && !state.Running) return await this.#finish(state);
      await delay(clock, retryMs, closed).catch(() => undefined);
    }
    return explainExit({ code: null });
  }

  async #finish(state: State): Promise<ExitInfo> {
    await Promise.race([this.#drained, whenAborted(AbortSignal.timeout(callTimeoutMs))]);
    await tolerate([404, 409], this.#parts.container.remove({ force: true, v: true, ...limited() })).catch(
      () => undefined,
    );
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

  /** A signal that comes too late, or while the engine is away, is no error: `exited` tells what became of it. */
  async #signal(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.#parts.container.kill({ signal, ...limited() }).catch(() => undefined);
  }

  async #follow(output: AgentOutput): Promise<void> {
    const { container, docker, closed } = this.#parts;
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    output.read(stdout, "stdout");
    output.read(stderr, "stderr");
    try {
      const logs = await container.logs({ follow: true, stdout: true, stderr: true, abortSignal: closed });
      docker.modem.demuxStream(logs, stdout, stderr);
      await new Promise<void>((resolve) => {
        logs.once("end", resolve).once("close", resolve).once("error", resolve);
      });
    } catch {
      // The container or the engine is gone: there is no more to follow.
    }
    stdout.end();
    stderr.end();
  }
}

const unseen: Attestation = {
  isolation: "none",
  missing: ["the kernel's word: the engine runs on another machine or in a virtual machine"],
  facts: {},
};

type State = Docker.ContainerInspectInfo["State"];

const limited = () => ({ abortSignal: AbortSignal.timeout(callTimeoutMs) });

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
