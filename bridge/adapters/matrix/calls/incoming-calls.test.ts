import { BridgeError } from "@armorclaw/protocol/errors";
import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../../../tests/support/manual-clock.ts";
import { until } from "../../../../tests/support/until.ts";
import { silentLogger } from "../../../logging/index.ts";
import { readCallEvent } from "../protocol/call-events.ts";
import type { InboundEvent, Outgoing } from "../protocol/worker-protocol.ts";
import { IncomingCalls, type IncomingCallsSettings, type RefusedCallEvent } from "./incoming-calls.ts";

const ann = "@ann:example.org";
const room = "!room:example.org";
const offer = { type: "offer", sdp: "v=0\r\n" };

function setUp(settings: Partial<IncomingCallsSettings> = {}) {
  const clock = new ManualClock();
  const calls: { method: string; params: Record<string, unknown> }[] = [];
  const sent: Outgoing[] = [];
  const refusals: RefusedCallEvent[] = [];
  const candidates: string[] = [];
  const results: Record<string, (params: object) => unknown> = {
    "webrtc.start": () => ({ session_id: "sess_1", sdp_answer: "answer" }),
    "webrtc.answer": () => ({ sdp_answer: "answer again" }),
    "webrtc.end": () => ({}),
  };
  const world = { isLive: true, isReady: true, fails: [] as Error[] };
  const ringing = new IncomingCalls(
    {
      clock,
      logger: silentLogger,
      trust: {
        isTrustedRoom: (id) => id === room || id === "!unmapped:example.org",
        roleOf: (id) => (id === ann ? "operator" : undefined),
      },
      ownId: () => "@bridge:example.org",
      isReady: () => world.isReady,
      methods: {
        effectOf: () => "write",
        call: async (method, params) => {
          calls.push({ method, params: params as Record<string, unknown> });
          return { result: await results[method]?.(params), items: [] };
        },
      },
      media: {
        isLive: () => world.isLive,
        addCandidate: async (_, candidate) => candidates.push(candidate),
        ownCandidates: async () => [{ candidate: "candidate:1", sdpMid: "0", sdpMLineIndex: 0 }],
      },
      send: async (outgoing) => {
        sent.push(outgoing);
        const failure = world.fails.shift();
        if (failure !== undefined) throw failure;
      },
      refused: (note) => refusals.push(note),
    },
    {
      agents: { [room]: { agent: "desk-1", sttAgent: "stt-1" } },
      require: "verified",
      ...settings,
    },
  );
  const hear = (type: string, content: object = {}, more: Partial<InboundEvent> = {}) => {
    const base = { roomId: room, eventId: "$1", sender: ann, sentAtMs: 0, ageMs: 0, isBackfilled: false } as const;
    const all = { call_id: "c", version: "1", party_id: "phone", ...content };
    const event = readCallEvent({ ...base, type: `m.call.${type}`, content: all, trust: "verified", ...more });
    if (event !== undefined) ringing.handle(event);
  };
  const invite = (content: object = {}, more: Partial<InboundEvent> = {}) =>
    hear("invite", { lifetime: 60_000, offer, ...content }, more);
  const said = () => sent.map(({ type, content }) => [type, content["reason"]].filter(Boolean).join(" "));
  return { clock, ringing, calls, sent, refusals, candidates, results, world, hear, invite, said };
}

const answered = ["m.call.answer", "m.call.candidates"];

describe("an incoming call in a room", () => {
  test("is answered by the room's agent, with the rights of the caller, as one party", async () => {
    const { calls, sent, invite, said } = setUp();
    invite();
    await until("the answer", () => said().length === 2);
    expect(calls).toEqual([
      {
        method: "webrtc.start",
        params: { room_id: room, agent_id: "desk-1", stt_agent_id: "stt-1", offer: offer.sdp },
      },
    ]);
    expect(said()).toEqual(answered);
    expect(sent[0]?.content).toMatchObject({ call_id: "c", version: "1", answer: { type: "answer", sdp: "answer" } });
    expect(sent[0]?.content["party_id"]).toBe(sent[1]?.content["party_id"]);
    expect(sent[1]?.content["candidates"]).toEqual([
      { candidate: "candidate:1", sdpMid: "0", sdpMLineIndex: 0 },
      { candidate: "", sdpMid: "0", sdpMLineIndex: 0 },
    ]);
  });

  test.each([
    ["sender_not_trusted", {}, { sender: "@eve:example.org" }],
    ["sender_not_trusted", {}, { sender: "@Ann:example.org" }],
    ["room_not_trusted", {}, { roomId: "!other:example.org" }],
    ["no_agent", {}, { roomId: "!unmapped:example.org" }],
    ["not_encrypted", {}, { trust: "plain" }],
    ["device_not_verified", {}, { trust: "unverified" }],
    ["stale", {}, { ageMs: 60_001 }],
    ["stale", { lifetime: 600_000 }, { ageMs: 120_001 }],
    ["malformed", { party_id: undefined }, {}],
    ["malformed", { version: "2" }, {}],
    ["malformed", { offer: { type: "answer", sdp: "v=0" } }, {}],
    ["malformed", { lifetime: "long" }, {}],
  ] as const)("is ignored and recorded: %s %j %j", (why, content, more) => {
    const { calls, refusals, invite, said } = setUp();
    invite(content, more);
    expect(refusals.map((note) => note.why)).toEqual([why]);
    expect(calls).toEqual([]);
    expect(said()).toEqual([]);
  });

  test("for another member is ignored, and the same call does not ring twice", async () => {
    const { calls, refusals, invite, said } = setUp();
    invite({ call_id: "other", invitee: "@eve:example.org" });
    invite({ invitee: "@bridge:example.org" });
    invite();
    await until("the answer", () => said().length === 2);
    expect(calls).toHaveLength(1);
    expect(refusals.map(({ why }) => why)).toEqual(["replayed"]);
  });

  test("is rejected with a reason when a limit is reached or the agent is away; a call of version 0 gets a hangup", async () => {
    const { results, refusals, world, invite, said } = setUp();
    results["webrtc.start"] = () => Promise.reject(new BridgeError("CALL_LIMIT_REACHED"));
    invite();
    invite({ call_id: "old", version: 0 });
    await until("both rejections", () => said().length === 2);
    world.isReady = false;
    invite({ call_id: "later" });
    await until("the third", () => said().length === 3);
    expect(said().toSorted()).toEqual([
      "m.call.hangup user_busy",
      "m.call.reject user_busy",
      "m.call.reject user_busy",
    ]);
    expect(refusals.map(({ why, code }) => `${why} ${code}`)).toEqual([
      "rejected CALL_LIMIT_REACHED",
      "rejected CALL_LIMIT_REACHED",
      "rejected AGENT_NOT_RUNNING",
    ]);
  });

  test("that ended before the answer is not answered: hung up, too late, or ended by the bridge", async () => {
    const { clock, results, calls, refusals, world, hear, invite, said } = setUp();
    const started = Promise.withResolvers<object>();
    results["webrtc.start"] = () => started.promise;
    invite({ call_id: "hung up" });
    invite({ call_id: "late", lifetime: 1_000 });
    await until("both starts", () => calls.length === 2);
    hear("hangup", { call_id: "hung up" });
    clock.advance(1_001);
    started.resolve({ session_id: "sess_1", sdp_answer: "answer" });
    await until("both ends", () => calls.filter(({ method }) => method === "webrtc.end").length >= 2);
    expect(said()).toEqual([]);
    expect(refusals.map(({ why }) => why)).toEqual(["stale"]);
    world.isLive = false;
    invite({ call_id: "gone" });
    await until("the hangup", () => said().length === 1);
    expect(said()).toEqual(["m.call.reject unknown_error"]);
  });
});

describe("a call in a room", () => {
  async function inCall(content: object = {}) {
    const all = setUp();
    all.invite(content);
    await until("the answer", () => all.said().length === 2);
    return all;
  }

  test("is hung up by its caller, not by another party, and its later events are ignored", async () => {
    const { calls, refusals, hear, said } = await inCall();
    hear("hangup", { party_id: "another" });
    hear("hangup", {}, { trust: "plain" });
    expect(refusals.map(({ why }) => why)).toEqual(["other_party", "not_encrypted"]);
    hear("hangup");
    await until("the end", () => calls.at(-1)?.method === "webrtc.end");
    hear("negotiate", { description: offer, lifetime: 60_000 });
    expect(said()).toEqual(answered);
  });

  test("that the bridge ends is hung up once, with a reason that clients know", async () => {
    const { ringing, said } = await inCall();
    ringing.ended("another", "hang_up");
    ringing.ended("sess_1", "setup_timeout");
    ringing.ended("sess_1", "hang_up");
    await ringing.stop();
    expect(said()).toEqual([...answered, "m.call.hangup ice_timeout"]);
  });

  test("that is answered elsewhere ends here without an event", async () => {
    const { sent, calls, hear, said } = await inCall();
    hear("select_answer", { selected_party_id: sent[0]?.content["party_id"] });
    hear("select_answer", { selected_party_id: "another" });
    await until("the end", () => calls.at(-1)?.method === "webrtc.end");
    expect(said()).toEqual(answered);
  });

  test("accepts a new offer in time, and no unusable one", async () => {
    const { calls, results, hear, said } = await inCall();
    hear("negotiate", { description: offer, lifetime: 60_000 }, { ageMs: 60_001 });
    hear("negotiate", { description: offer, lifetime: 60_000 });
    await until("the answer", () => said().length === 3);
    expect(calls.at(-1)).toEqual({ method: "webrtc.answer", params: { session_id: "sess_1", offer: offer.sdp } });
    expect(calls).toHaveLength(2);
    results["webrtc.answer"] = () => Promise.reject(new BridgeError("CALL_OFFER_REFUSED"));
    hear("negotiate", { description: offer, lifetime: 60_000 });
    await until("the end", () => said().length === 4);
    expect(said().slice(2)).toEqual(["m.call.negotiate", "m.call.hangup unknown_error"]);
    expect(calls.at(-1)?.method).toBe("webrtc.end");
  });

  test("passes a bounded number of the caller's candidates on", async () => {
    const { candidates, refusals, hear } = await inCall();
    const many = Array.from({ length: 40 }, (_, at) => ({ candidate: `candidate:${at}` }));
    hear("candidates", { candidates: [...many, { candidate: "" }] });
    hear("candidates", { candidates: many });
    await until("the candidates", () => candidates.length === 40);
    expect(refusals.map(({ why }) => why)).toEqual(["too_much"]);
  });

  test("repeats an event that the homeserver was too busy for, under the same transaction", async () => {
    const { clock, world, ringing, sent, said } = await inCall();
    world.fails.push(new BridgeError("MATRIX_RATE_LIMITED", undefined, { retry_after_ms: 2_000 }));
    ringing.ended("sess_1", "agent_gone");
    await until("the first try", () => said().length === 3);
    await until("the second", () => {
      clock.advance(2_000);
      return said().length === 4;
    });
    expect(said().slice(2)).toEqual(["m.call.hangup user_hangup", "m.call.hangup user_hangup"]);
    expect(sent[3]?.transactionId).toBe(sent[2]?.transactionId);
  });

  test("ignores most of a flood of events, and accepts no call once the bridge drains", async () => {
    const { clock, refusals, ringing, hear, invite, said } = await inCall();
    for (let at = 0; at < 10_000; at += 1) hear("candidates", { candidates: [] }, { eventId: `$${at}` });
    // Some events already wait when the bound of the rate is reached.
    expect(new Set(refusals.map(({ why }) => why))).toEqual(new Set(["too_much", "flood"]));
    expect(refusals.filter(({ why }) => why === "flood")).toHaveLength(1);
    clock.advance(60_000);
    ringing.close();
    invite({ call_id: "new" });
    await ringing.stop();
    expect(said()).toEqual(answered);
  });
});
