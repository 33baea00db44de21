import { BridgeError, type EventData, type EventEnvelope } from "@armorclaw/protocol";
import { type DurableEventLog, EffectConsumer } from "../../../events/index.ts";
import type { Logger } from "../../../logging/index.ts";
import type { Outbox } from "../../../outbox/index.ts";
import type { Sql, Store } from "../../../store/index.ts";
import { approvalPrompt, decisionNotice, reactionAnswer, reactionHint } from "./approval-messages.ts";
import { failureText, type MethodCalls } from "./commands.ts";
import { roomMessage } from "./destination.ts";
import type { InboundReaction, InboundRedaction, MatrixTrust } from "./inbound.ts";
import { type OutgoingMessages, questionKey } from "./outgoing-messages.ts";
import { codeOf, isOpen, markDecided, recordQuestion } from "./questions.ts";

export interface RoomApprovalSettings {
  /** The room that approvals are asked for in; the first of `rooms` without it. */
  readonly approvalRoom?: string | undefined;
  readonly rooms: readonly string[];
  /** Whether a reaction to a question is an answer. */
  readonly reactionApprovals: boolean;
}

export interface RoomApprovalDeps {
  readonly store: Store;
  readonly log: DurableEventLog;
  readonly logger: Logger;
  readonly outbox: Outbox;
  readonly posts: OutgoingMessages;
  readonly trust: MatrixTrust;
  readonly methods: MethodCalls;
}

/** Posts each question of an agent to a room exactly once, then how it ended, and takes reactions as answers. */
export class RoomApprovals {
  /** Posts the questions and their ends. */
  readonly questions: EffectConsumer;
  readonly #deps: RoomApprovalDeps;
  readonly #settings: RoomApprovalSettings;

  constructor(deps: RoomApprovalDeps, settings: RoomApprovalSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.questions = new EffectConsumer(
      { store: deps.store, log: deps.log, logger: deps.logger },
      {
        name: "matrix-approvals",
        selector: { channels: [">"], types: ["approval.requested", "approval.decided"] },
        handle: (event, sql) => this.#post(event, sql),
        onCommitted: () => deps.outbox.kick(),
      },
    );
  }

  async onReaction(reaction: InboundReaction): Promise<void> {
    const { trust, posts, methods } = this.#deps;
    const { sender, room_id: roomId, event_id: eventId, target_event_id: target, key } = reaction;
    const role = trust.roleOf(sender);
    const method = reactionAnswer(key);
    const approvalId = posts.approvalAskedBy(target, roomId);
    if (role === undefined || method === undefined || approvalId === undefined) return;
    const reply = async (text: string, dedupeKey: string) => {
      await posts.post(roomId, { text, msgtype: "m.notice", threadId: target }, dedupeKey);
    };
    if (!this.#settings.reactionApprovals) {
      const code = this.#deps.store.read((sql) => codeOf(sql, approvalId, roomId));
      return code === undefined ? undefined : await reply(reactionHint(code), `hint:${approvalId}`);
    }
    try {
      await methods.call(method, { approval_id: approvalId }, { id: `matrix:${sender}`, userId: sender, role });
    } catch (error) {
      if (!(error instanceof BridgeError)) throw error;
      await reply(failureText(error), `answer:${eventId}`);
    }
  }

  /** A question that was removed while it is open is asked again: nobody could answer it, and a part of the people may not have seen it. */
  async onRedaction({ room_id: roomId, sender, target_event_id: target }: InboundRedaction): Promise<void> {
    const { posts, store, outbox } = this.#deps;
    const approvalId = posts.approvalAskedBy(target, roomId);
    const question = store.read((sql) =>
      approvalId !== undefined && isOpen(sql, approvalId)
        ? outbox.find(sql, "matrix", questionKey(approvalId))
        : undefined,
    );
    if (approvalId === undefined || question === undefined) return;
    const text = `${sender} removed this question, which is still open:\n${String(question.body["text"])}`;
    await posts.post(roomId, { text, msgtype: "m.text", approvalId }, `approval-again:${approvalId}:${target}`);
  }

  #post(event: EventEnvelope, sql: Sql): void {
    // The data of the bridge's own event types is as the contract declares it.
    if (event.type === "approval.requested") this.#postQuestion(sql, event.data as EventData<"approval.requested">);
    else this.#postDecision(sql, event.data as EventData<"approval.decided">);
  }

  #postQuestion(sql: Sql, data: EventData<"approval.requested">): void {
    const approvalId = data.approval_id;
    const roomId = this.#roomId;
    if (roomId === undefined) return;
    const code = recordQuestion(sql, approvalId, roomId, this.#deps.log.clock.now());
    // A notice would not notify anybody's phone.
    this.#queue(sql, questionKey(approvalId), { text: approvalPrompt(data, code), msgtype: "m.text", approvalId });
  }

  #postDecision(sql: Sql, data: EventData<"approval.decided">): void {
    markDecided(sql, data.approval_id);
    const text = decisionNotice(data);
    const question = this.#deps.outbox.find(sql, "matrix", questionKey(data.approval_id));
    if (text === undefined || question === undefined) return;
    const thread = question.receipt === null ? {} : { threadId: question.receipt };
    this.#queue(sql, `approval-${data.status}:${data.approval_id}`, { text, msgtype: "m.notice", ...thread });
  }

  get #roomId(): string | undefined {
    return this.#settings.approvalRoom ?? this.#settings.rooms[0];
  }

  #queue(sql: Sql, key: string, message: Parameters<typeof roomMessage>[2]): void {
    const roomId = this.#roomId;
    if (roomId !== undefined) this.#deps.outbox.queue(sql, roomMessage(roomId, key, message));
  }
}
