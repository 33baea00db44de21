import type { Answer, CallArguments, EventSubscription } from "@armorclaw/client-sdk";
import type {
  EventEnvelope,
  LoopManifestInput,
  MethodName,
  ParamsIn,
  Result,
  StreamingMethodName,
} from "@armorclaw/protocol";

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
  /**
   * Calls a model. The bridge holds the key, and refuses when nothing changed since the last turn: say in `state` what was
   * looked at. `onText` is given the answer as it comes.
   */
  chat(params: ParamsIn<"llm.chat">, onText?: (text: string) => void): Promise<Result<"llm.chat">>;
  /** Publishes on the agent's own channel `agent.<agent id>.<name>`. */
  publish(name: string, type: string, data: Record<string, unknown>): Promise<void>;
  /**
   * Sends a message to an agent of a loop that the manifest names in `sends_to`.
   * @returns the reply, when one is asked for with `replyWithinMs`
   * @throws BridgeError TIMED_OUT when it does not come in time
   */
  send(
    agentId: string,
    kind: string,
    data: Record<string, unknown>,
    options?: { readonly replyWithinMs?: number },
  ): Promise<Record<string, unknown> | undefined>;
  /** Listens to the agent's own channels and those that the manifest names, until the agent ends. */
  subscribe(channels: readonly string[]): EventSubscription;
  /** The agent's second socket, for the sound and the words of voice calls. */
  readonly mediaSocketPath: string;
  /** One line for people, which `armorclaw logs` shows. */
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

/** An agent's work. `tick` runs on schedule and never twice at once; what it throws is reported and the loop goes on. */
export interface Loop {
  /**
   * Called with each message to the agent, one at a time. What it returns is the reply, where one is waited for.
   * A message that was being handled when the agent ended comes again.
   */
  onMessage?(message: IncomingMessage, context: LoopContext): Promise<Record<string, unknown> | undefined>;
  /**
   * Called with each event that the loop hears (`subscriptions` in its manifest), in order and one at a time, none lost over restarts
   * and while the agent is suspended. One that was being handled when the agent ended comes again; one that this throws on is
   * tried again, and after some failures set aside for a person to decide on.
   */
  onEvent?(event: EventEnvelope, context: LoopContext): Promise<void>;
  start?(context: LoopContext): Promise<void>;
  tick(context: LoopContext): Promise<void>;
  stop?(): Promise<void>;
}

/** One row of the loop map: the manifest as plain data, the code only when it is loaded. */
export interface LoopEntry {
  readonly manifest: LoopManifestInput;
  load(): Promise<{ readonly createLoop: () => Loop }>;
}
