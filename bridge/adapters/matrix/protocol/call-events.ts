import * as z from "zod";
import type { InboundEvent, Trust } from "./worker-protocol.ts";

/** The supported versions of `m.call.*`. Version 0 has no parties, no rejection and no renegotiation. */
export type CallVersion = "0" | "1";

export type CallStep =
  | {
      readonly kind: "invite";
      readonly offer: string;
      readonly lifetimeMs: number;
      /** The user who is invited. Undefined when the whole room is. */
      readonly invitee: string | undefined;
    }
  | { readonly kind: "candidates"; readonly candidates: readonly string[] }
  | { readonly kind: "select_answer"; readonly selected: string }
  | { readonly kind: "negotiate"; readonly offer: string; readonly lifetimeMs: number }
  | { readonly kind: "hangup" };

/** One event of a call in a room. */
export interface RoomCallEvent {
  readonly roomId: string;
  readonly sender: string;
  readonly trust: Trust;
  /** How long ago it was sent. */
  readonly ageMs: number;
  /** Undefined when the event is malformed. */
  readonly call: { readonly id: string; readonly party: string | undefined; readonly version: CallVersion } | undefined;
  readonly step: CallStep | undefined;
}

const id = z.string().min(1).max(255);
const sdp = z.string().min(1).max(40_000);
const lifetime = z.number().min(0).max(600_000);
/** Invitations expire after this time, whatever lifetime they name. */
const ringMsMax = 120_000;

const Base = z
  .object({ call_id: id, version: z.union([z.literal(0), z.literal("0"), z.literal("1")]), party_id: id.optional() })
  .refine(({ version, party_id: party }) => version !== "1" || party !== undefined);

const steps = {
  "m.call.invite": z
    .object({ offer: z.object({ type: z.literal("offer"), sdp }), lifetime, invitee: z.string().max(255).optional() })
    .transform(
      ({ offer, lifetime, invitee }): CallStep => ({
        kind: "invite",
        offer: offer.sdp,
        lifetimeMs: Math.min(lifetime, ringMsMax),
        invitee,
      }),
    ),
  "m.call.candidates": z
    .object({ candidates: z.array(z.object({ candidate: z.string().max(512) })).max(64) })
    .transform(
      ({ candidates }): CallStep => ({
        kind: "candidates",
        // An empty candidate marks the end of candidates.
        candidates: candidates.map(({ candidate }) => candidate).filter((candidate) => candidate !== ""),
      }),
    ),
  "m.call.select_answer": z
    .object({ selected_party_id: id })
    .transform(({ selected_party_id: selected }): CallStep => ({ kind: "select_answer", selected })),
  "m.call.negotiate": z.object({ description: z.object({ type: z.literal("offer"), sdp }), lifetime }).transform(
    ({ description, lifetime }): CallStep => ({
      kind: "negotiate",
      offer: description.sdp,
      lifetimeMs: Math.min(lifetime, ringMsMax),
    }),
  ),
  "m.call.hangup": z.object({}).transform((): CallStep => ({ kind: "hangup" })),
} as const satisfies Record<string, z.ZodType<CallStep>>;

/** The events that callers send. Those of callees are ignored. */
export const callEventTypes: readonly string[] = Object.keys(steps);

/** Undefined for other events. */
export function readCallEvent({
  roomId,
  sender,
  type,
  content,
  trust,
  ageMs,
}: InboundEvent): RoomCallEvent | undefined {
  if (!Object.hasOwn(steps, type)) return undefined;
  const base = Base.safeParse(content);
  const step = steps[type as keyof typeof steps].safeParse(content);
  const where = { roomId, sender, trust, ageMs };
  if (!base.success || !step.success) return { ...where, call: undefined, step: undefined };
  const { call_id: callId, party_id: party, version } = base.data;
  const isFirst = version === "1";
  const call = { id: callId, party: isFirst ? party : undefined, version: isFirst ? ("1" as const) : ("0" as const) };
  return { ...where, call, step: step.data };
}

export interface CallCandidate {
  readonly candidate: string;
  readonly sdpMid: string | null;
  readonly sdpMLineIndex: number | null;
}

export interface CallReply {
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** Makes the events that the bridge sends as one party of a call. */
export class CallReplies {
  readonly #base: Readonly<Record<string, unknown>>;
  readonly #isFirst: boolean;

  constructor(callId: string, version: CallVersion, partyId: string) {
    this.#isFirst = version === "1";
    this.#base = this.#isFirst ? { call_id: callId, version, party_id: partyId } : { call_id: callId, version: 0 };
  }

  answer(sdp: string): CallReply {
    return this.#reply("answer", { answer: { type: "answer", sdp } });
  }

  /** All candidates at once, with the end marker after the last. */
  candidates(all: readonly CallCandidate[]): CallReply {
    return this.#reply("candidates", { candidates: [...all, { candidate: "", sdpMid: "0", sdpMLineIndex: 0 }] });
  }

  negotiate(sdp: string): CallReply {
    return this.#reply("negotiate", { description: { type: "answer", sdp }, lifetime: 60_000 });
  }

  hangUp(reason: string): CallReply {
    return this.#reply("hangup", { reason });
  }

  /** Rejects a call that was not answered. Version 0 has no rejection and hangs up. */
  reject(reason: string): CallReply {
    return this.#isFirst ? this.#reply("reject", { reason }) : this.hangUp(reason);
  }

  #reply(name: string, content: object): CallReply {
    return { type: `m.call.${name}`, content: { ...this.#base, ...content } };
  }
}
