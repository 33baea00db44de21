import type { Answer, CallArguments, EventSubscription } from "@armorclaw/client-sdk";
import type {
  EventEnvelope,
  LoopManifestInput,
  MethodName,
  ParamsIn,
  Result,
  StreamingMethodName,
} from "@armorclaw/protocol";

/** What a loop may do. Everything that leaves the container goes through this object. */
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
  /**
   * Calls a model with a key that the bridge holds. The bridge refuses a call without new input since the last turn: give in
   * `state` what the loop looked at. `onText` is called with the parts of the answer as they arrive.
   */
  chat(params: ParamsIn<"llm.chat">, onText?: (text: string) => void): Promise<Result<"llm.chat">>;
  /** Publishes on the agent's own channel `agent.<agent id>.<name>`. */
  publish(name: string, type: string, data: Record<string, unknown>): Promise<void>;
  /**
   * Sends a message to an agent of a loop that the manifest names in `sends_to`.
   * @returns the reply, if `replyWithinMs` asks for one
   * @throws BridgeError TIMED_OUT when the reply does not arrive in time
   */
  send(
    agentId: string,
    kind: string,
    data: Record<string, unknown>,
    options?: { readonly replyWithinMs?: number },
  ): Promise<Record<string, unknown> | undefined>;
  /** Subscribes to the agent's own channels or those that the manifest names, until the agent ends. */
  subscribe(channels: readonly string[]): EventSubscription;
  /** The agent's second socket, for the audio and the text of voice calls. */
  readonly mediaSocketPath: string;
  /** Writes a line for people, which `armorclaw logs` shows. */
  log(line: string): void;
}

/** A message from another agent, or from a person. */
export interface IncomingMessage {
  readonly id: string;
  /** The sender's principal, e.g. `agent:heartbeat-1`. */
  readonly from: string;
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The code of an agent. `tick` runs on schedule and never twice at once. An error that it throws is reported, and the loop continues. */
export interface Loop {
  /**
   * Called with each message to the agent, one at a time. The returned value is the reply, if the sender waits for one.
   * A message that was being handled when the agent ended is delivered again.
   */
  onMessage?(message: IncomingMessage, context: LoopContext): Promise<Record<string, unknown> | undefined>;
  /**
   * Called with each event of the manifest's `subscriptions`, in order and one at a time. No event is lost over restarts or while
   * the agent is suspended. An event that was being handled when the agent ended is delivered again. An event on which the
   * handler throws is retried, and becomes a dead letter after some failures.
   */
  onEvent?(event: EventEnvelope, context: LoopContext): Promise<void>;
  start?(context: LoopContext): Promise<void>;
  tick(context: LoopContext): Promise<void>;
  stop?(): Promise<void>;
}

/** One row of the loop map: the manifest as plain data, and the code, which is loaded on demand. */
export interface LoopEntry {
  readonly manifest: LoopManifestInput;
  load(): Promise<{ readonly createLoop: () => Loop }>;
}
