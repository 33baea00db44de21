import type { Answer, CallArguments } from "@armorclaw/client-sdk";
import type { LoopManifestInput, MethodName, StreamingMethodName } from "@armorclaw/protocol";

/** What a loop may do. Everything that leaves the container goes through it. */
export interface LoopContext {
  readonly agentId: string;
  /** How often `tick` is meant to run, in milliseconds. */
  readonly scheduleMs: number;
  /** Aborts when the agent is asked to end. Calls are cancelled with it. */
  readonly signal: AbortSignal;
  call<N extends Exclude<MethodName, StreamingMethodName>>(
    name: N,
    params: NonNullable<CallArguments<N>[0]>,
  ): Promise<Answer<N>>;
  /** Publishes on the agent's own channel `agent.<agent id>.<name>`. */
  publish(name: string, type: string, data: Record<string, unknown>): Promise<void>;
  /** One line for people, which `armorclaw logs` shows. */
  log(line: string): void;
}

/** An agent's work. `tick` runs on schedule and never twice at once; what it throws is reported and the loop goes on. */
export interface Loop {
  start?(context: LoopContext): Promise<void>;
  tick(context: LoopContext): Promise<void>;
  stop?(): Promise<void>;
}

/** One row of the loop map: the manifest as plain data, the code only when it is loaded. */
export interface LoopEntry {
  readonly manifest: LoopManifestInput;
  load(): Promise<{ readonly createLoop: () => Loop }>;
}
