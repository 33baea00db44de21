import { BridgeError, type EventEnvelope, type Principal } from "@armorclaw/protocol";
import { onAbort } from "../platform/abort.ts";
import { BoundedMap } from "../platform/bounded-map.ts";
import { contractEvent } from "./contract-event.ts";
import type { DurableEventLog } from "./durable-log.ts";
import { putInInbox, type Unread } from "./inboxes/inbox-store.ts";

/** The most calls that wait for a reply at a time, of all senders and of one. */
const waitingMax = { all: 10_000, ofSender: 1_000 };

export interface Message {
  /** The sender's principal, e.g. `agent:heartbeat-1`. */
  readonly from: string;
  /** The receiver's principal. */
  readonly to: string;
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly inReplyTo?: string | undefined;
}

export interface Sent {
  readonly id: string;
  /** What waits for the receiver now; undefined for a reply that somebody waits for, or that is for a person. */
  readonly unread: Unread | undefined;
}

/** A full inbox is published once in this time; each refused sender gets an error. */
const reportEveryMs = 10 * 60_000;
const reportedMax = 1_000;

interface Waiter {
  /** The message's id. A commit that was made again on a full disk leaves more than one. */
  readonly ids: string[];
  resolve(reply: EventEnvelope): void;
}

/** Sends messages to agents, and waits for their replies. Each message is an event of the log. */
export class Mailbox {
  readonly #log: DurableEventLog;
  /** Who waits for a reply, by message id. */
  readonly #waiting = new Map<string, Waiter>();
  /** How many calls of each sender wait for a reply. */
  readonly #asking = new Map<string, number>();
  /** When each receiver's full inbox was reported last. */
  readonly #reported = new BoundedMap<string, number>(reportedMax);

  constructor(log: DurableEventLog) {
    this.#log = log;
  }

  /** The sender of this message to `receiver`; undefined when there is no such message, or it was removed. */
  senderOf(messageId: string, receiver: string): string | undefined {
    const message = this.#log.at(Number(messageId.split("-").at(-1)));
    const isIt = message?.id === messageId && message.type === "agent.message";
    return isIt && `agent:${String(message.data["agent_id"])}` === receiver ? message.source : undefined;
  }

  /**
   * Whom a message goes to: the agent that is named, or the sender of the message that it answers.
   * @throws BridgeError INVALID_PARAMS, FORBIDDEN, or what `rights` throws
   */
  receiver(
    from: Principal,
    { agentId, inReplyTo }: { readonly agentId?: string | undefined; readonly inReplyTo?: string | undefined },
    rights: { assertMaySend(from: Principal, toAgentId: string): void },
  ): string {
    if (inReplyTo === undefined) {
      if (agentId === undefined)
        throw new BridgeError("INVALID_PARAMS", "Name the agent_id, or the message in_reply_to");
      rights.assertMaySend(from, agentId);
      return `agent:${agentId}`;
    }
    const sender = this.senderOf(inReplyTo, from.id);
    if (sender !== undefined && (agentId === undefined || sender === `agent:${agentId}`)) return sender;
    throw new BridgeError("FORBIDDEN", `${from.id} was not sent the message ${inReplyTo} by that sender`);
  }

  /**
   * Sends one way. Resolves when the message is durable.
   * @throws BridgeError AGENT_OVERLOADED
   */
  async send(message: Message): Promise<Sent> {
    return await this.#publish(message, undefined);
  }

  /**
   * Sends and waits for the reply.
   * @throws BridgeError TIMED_OUT, RATE_LIMITED, AGENT_OVERLOADED, or what the signal aborts with
   */
  async ask(
    message: Message,
    withinMs: number,
    signal: AbortSignal,
  ): Promise<Sent & { readonly reply: EventEnvelope }> {
    this.#begin(message.from);
    const reply = Promise.withResolvers<EventEnvelope>();
    const late = () => new BridgeError("TIMED_OUT", `${message.to} did not reply within ${withinMs} ms`);
    const timer = this.#log.clock.after(withinMs, () => reply.reject(late()));
    const stopListening = onAbort(signal, () => reply.reject(signal.reason));
    // It may reject while the message is still being stored.
    reply.promise.catch(() => undefined);
    const waiter: Waiter = { ids: [], resolve: reply.resolve };
    try {
      const sent = await this.#publish(message, waiter);
      return { ...sent, reply: await reply.promise };
    } finally {
      timer.cancel();
      stopListening();
      for (const id of waiter.ids) this.#waiting.delete(id);
      this.#end(message.from);
    }
  }

  #begin(from: string): void {
    const own = this.#asking.get(from) ?? 0;
    if (own >= waitingMax.ofSender)
      throw new BridgeError("RATE_LIMITED", `${own} calls of ${from} wait for replies, which is the limit`);
    if (this.#waiting.size >= waitingMax.all)
      throw new BridgeError("RATE_LIMITED", `${waitingMax.all} calls wait for replies, which is the limit`);
    this.#asking.set(from, own + 1);
  }

  #end(from: string): void {
    const left = (this.#asking.get(from) ?? 1) - 1;
    if (left > 0) this.#asking.set(from, left);
    else this.#asking.delete(from);
  }

  /** Publishes in the receiver's inbox. A reply that is waited for, or is for a person, goes to the channel `replies` of its sender. */
  async #publish({ from, to, kind, data, inReplyTo }: Message, waiter: Waiter | undefined): Promise<Sent> {
    const waits = inReplyTo === undefined ? undefined : this.#waiting.get(inReplyTo);
    const draft = contractEvent("agent.message", from, {
      agent_id: to.replace(/^agent:/, ""),
      kind,
      data,
      expects_reply: waiter !== undefined,
      in_reply_to: inReplyTo ?? null,
    });
    const isForInbox = waits === undefined && to.startsWith("agent:");
    const channel = isForInbox ? draft.channel : `${from.replace(":", ".")}.replies`;
    const stored = this.#log.transact((sql, emit) => {
      const event = emit({ ...draft, channel, ...(inReplyTo === undefined ? {} : { correlationId: inReplyTo }) });
      const bytes = Buffer.byteLength(this.#log.textOf(event));
      const unread = isForInbox ? putInInbox(sql, { seq: event.seq, from, to, bytes }) : undefined;
      // This must happen before the event is delivered: the reply may come at once.
      if (waiter !== undefined) {
        waiter.ids.push(event.id);
        this.#waiting.set(event.id, waiter);
      }
      return { event, unread };
    });
    const { event, unread } = await stored.catch(async (error: unknown) => {
      await this.#report(error, from, to);
      throw error;
    });
    waits?.resolve(event);
    return { id: event.id, unread };
  }

  /** Reports an inbox that is full. */
  async #report(error: unknown, from: string, to: string): Promise<void> {
    if (!(error instanceof BridgeError) || error.code !== "AGENT_OVERLOADED") return;
    const nowMs = this.#log.clock.monotonic();
    if (nowMs - (this.#reported.get(to) ?? Number.NEGATIVE_INFINITY) < reportEveryMs) return;
    this.#reported.set(to, nowMs);
    const { message, details } = error;
    const facts = { agent_id: to.replace(/^agent:/, ""), sender: from, message };
    await this.#log.publish(
      contractEvent("agent.inbox_full", "bridge", { ...facts, has_reader: details?.["has_reader"] === true }),
    );
  }
}
