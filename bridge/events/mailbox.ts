import { BridgeError, type EventEnvelope } from "@armorclaw/protocol";
import { onAbort } from "../platform/abort.ts";
import { contractEvent } from "./contract-event.ts";
import type { DurableEventLog } from "./durable-log.ts";

/** The most senders that wait for a reply at a time. */
const waitingMax = 10_000;

export interface Message {
  /** The sender's principal, e.g. `agent:heartbeat-1`. */
  readonly from: string;
  /** The receiver's principal. */
  readonly to: string;
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly inReplyTo?: string | undefined;
}

/** Sends messages to agents, and waits for their replies. Each message is an event of the log. */
export class Mailbox {
  readonly #log: DurableEventLog;
  /** Who waits for a reply, by message id. */
  readonly #waiting = new Map<string, (reply: EventEnvelope) => void>();

  constructor(log: DurableEventLog) {
    this.#log = log;
  }

  /** The sender of this message to `receiver`; undefined when there is no such message, or it was removed. */
  senderOf(messageId: string, receiver: string): string | undefined {
    const message = this.#log.at(Number(messageId.split("-").at(-1)));
    const isIt = message?.id === messageId && message.type === "agent.message";
    return isIt && `agent:${String(message.data["agent_id"])}` === receiver ? message.source : undefined;
  }

  /** Sends one way. Resolves when the message is durable. */
  async send(message: Message): Promise<string> {
    const { id } = await this.#publish(message, undefined);
    return id;
  }

  /**
   * Sends and waits for the reply.
   * @throws BridgeError TIMED_OUT, RATE_LIMITED, or what the signal aborts with
   */
  async ask(message: Message, withinMs: number, signal: AbortSignal): Promise<{ id: string; reply: EventEnvelope }> {
    if (this.#waiting.size >= waitingMax)
      throw new BridgeError("RATE_LIMITED", `${waitingMax} senders wait for replies`);
    const reply = Promise.withResolvers<EventEnvelope>();
    const late = () => new BridgeError("TIMED_OUT", `${message.to} did not reply within ${withinMs} ms`);
    const timer = this.#log.clock.after(withinMs, () => reply.reject(late()));
    const stopListening = onAbort(signal, () => reply.reject(signal.reason));
    // It may reject while the message is still being stored.
    reply.promise.catch(() => undefined);
    let id = "";
    try {
      ({ id } = await this.#publish(message, reply.resolve));
      return { id, reply: await reply.promise };
    } finally {
      timer.cancel();
      stopListening();
      this.#waiting.delete(id);
    }
  }

  /** Publishes in the receiver's inbox. A reply that is waited for, or is for a person, goes to the channel `replies` of its sender. */
  async #publish(
    { from, to, kind, data, inReplyTo }: Message,
    onReply: ((reply: EventEnvelope) => void) | undefined,
  ): Promise<EventEnvelope> {
    const waits = inReplyTo === undefined ? undefined : this.#waiting.get(inReplyTo);
    const draft = contractEvent("agent.message", from, {
      agent_id: to.replace(/^agent:/, ""),
      kind,
      data,
      expects_reply: onReply !== undefined,
      in_reply_to: inReplyTo ?? null,
    });
    const isForInbox = waits === undefined && to.startsWith("agent:");
    const channel = isForInbox ? draft.channel : `${from.replace(":", ".")}.replies`;
    const event = await this.#log.transact((_, emit) => {
      const emitted = emit({ ...draft, channel, ...(inReplyTo === undefined ? {} : { correlationId: inReplyTo }) });
      // This must happen before the event is delivered: the reply may come at once.
      if (onReply !== undefined) this.#waiting.set(emitted.id, onReply);
      return emitted;
    });
    waits?.(event);
    return event;
  }
}
