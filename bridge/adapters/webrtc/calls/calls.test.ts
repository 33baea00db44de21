import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { BridgeError } from "@armorclaw/protocol/errors";
import { describe, expect, test } from "@jest/globals";
import { until } from "../../../../tests/support/until.ts";
import { type FarEnd, openFarEnd, sine, toneShare } from "../../../../tests/support/voice/voice.ts";
import { admin, plainCall, startVoiceBridge, type VoiceBridge } from "../../../../tests/support/voice/voice-bridge.ts";
import type { CallSession } from "./call-session.ts";

/** Connects a caller that uses the same library to a session. */
async function connect(bridge: VoiceBridge, session: CallSession, far: FarEnd): Promise<void> {
  const stop = bridge.calls.watch(session, {
    media: (event) => {
      if (event.kind === "candidate" && event.candidate !== null) void far.add(event.candidate);
    },
  });
  await far.accept(await bridge.calls.offer(session, await far.offer(), false));
  await until("the connection", () => session.state === "active");
  stop();
}

describe("a call", () => {
  test.each(["binary", "json"] as const)("connects an agent that sends %s, and charges the time", async (mode) => {
    await using bridge = await startVoiceBridge();
    const agent = await bridge.agent("helper-1", mode);
    await using far = await openFarEnd();
    const { session } = await bridge.calls.open(admin, plainCall);
    await connect(bridge, session, far);
    far.play(sine(500, 48_000, 1_500));
    await until("the caller's tone", () => toneShare(agent.heard().slice(-8_000), 500, 16_000) > 0.9);
    expect(agent.messages("call")[0]).toMatchObject({ session_id: session.id, parts: ["agent"], rate: 16_000 });
    expect(agent.messages("speech")[0]).toMatchObject({ change: "started" });
    bridge.calls.end(session, "hang_up");
    await until("the end", () => agent.messages("ended")[0]?.["reason"] === "hang_up");
    await until("the charge", () => bridge.charged.length === 1);
    expect(session.durationMs).toBeGreaterThan(0);
    expect(Math.abs((bridge.charged[0] ?? 0) - session.durationMs)).toBeLessThan(100);
  });

  test("ends when the budget is spent, and does not begin without budget", async () => {
    const refusal = new BridgeError("BUDGET_EXCEEDED");
    await using poor = await startVoiceBridge({ reservations: { reserve: () => Promise.reject(refusal) } });
    await expect(poor.calls.open(admin, plainCall)).rejects.toBe(refusal);
    expect(poor.calls.list().every(({ hasEnded }) => hasEnded)).toBe(true);
  });

  test("ends after its longest time, after silence on both sides, and when no one joins", async () => {
    await using bridge = await startVoiceBridge({ settings: { idleMs: 1_500 } });
    await using first = await openFarEnd();
    await using second = await openFarEnd();
    const short = (await bridge.calls.open(admin, { ...plainCall, maxDurationMs: 400 })).session;
    const idle = (await bridge.calls.open(admin, plainCall)).session;
    const alone = (await bridge.calls.open(admin, { ...plainCall, tokenTtlMs: 300 })).session;
    await connect(bridge, short, first);
    await connect(bridge, idle, second);
    await until("the three ends", () => [short, idle, alone].every(({ hasEnded }) => hasEnded));
    expect([short, idle, alone].map(({ endReason }) => endReason)).toEqual(["max_duration", "idle", "token_expired"]);
  });

  test("drops the agent's queued audio when the caller begins to speak", async () => {
    await using bridge = await startVoiceBridge();
    const agent = await bridge.agent("helper-1");
    await using far = await openFarEnd();
    const { session } = await bridge.calls.open(admin, plainCall);
    await connect(bridge, session, far);
    const call = Number(agent.messages("call")[0]?.["call"]);
    agent.send({ kind: "audio", call, sequence: 1, timeUs: 0, samples: sine(900, 16_000, 2_500) });
    await until("the agent's voice", () => far.heard().some((sample) => Math.abs(sample) > 5_000));
    far.play(sine(300, 48_000, 1_000));
    const cleared = await until("the barge-in", () => agent.messages("cleared")[0]);
    expect(cleared).toMatchObject({ reason: "barge_in" });
    expect(Number(cleared["dropped_ms"])).toBeGreaterThan(500);
  });

  test("accepts audio and text only from the agents that it names", async () => {
    await using bridge = await startVoiceBridge();
    const agent = await bridge.agent("helper-1");
    const stranger = await bridge.agent("stranger-1");
    await using far = await openFarEnd();
    const { session } = await bridge.calls.open(admin, plainCall);
    await connect(bridge, session, far);
    const call = Number(agent.messages("call")[0]?.["call"]);
    stranger.send({ kind: "audio", call, sequence: 1, timeUs: 0, samples: sine(900, 16_000, 1_000) });
    stranger.send({ kind: "message", message: { type: "hang_up", call } });
    far.play(sine(300, 48_000, 500));
    await until("the caller's voice", () => agent.heard().length > 8_000);
    expect(stranger.frames).toEqual([]);
    expect(far.heard().some((sample) => Math.abs(sample) > 3_000)).toBe(false);
    agent.send({ kind: "message", message: { type: "hang_up", call } });
    await until("the end", () => session.hasEnded);
  });

  test("is recorded once the caller has agreed, and not before", async () => {
    await using bridge = await startVoiceBridge();
    await using far = await openFarEnd();
    const { session } = await bridge.calls.open(admin, { ...plainCall, recordingWanted: true });
    await connect(bridge, session, far);
    far.play(sine(500, 48_000, 2_000));
    expect(bridge.calls.isRecording(session)).toBe(false);
    bridge.calls.consent(session);
    expect(bridge.calls.isRecording(session)).toBe(true);
    const path = join(bridge.recordings, `${session.id}.wav`);
    await until("half a second of the recording", () => statSync(path).size > 30_000);
    bridge.calls.end(session, "hang_up");
    const wav = readFileSync(path);
    expect(wav.toString("latin1", 0, 4)).toBe("RIFF");
    expect(wav.readUInt32LE(40)).toBe(wav.length - 44);
    const events = await until("the record", () => {
      const all = bridge.calls.records.read({ sessionId: session.id, limit: 50 }).map(({ event }) => event);
      return all.includes("recording.stopped") ? all : undefined;
    });
    expect(events).toEqual(expect.arrayContaining(["recording.consented", "recording.started"]));
  });

  test("counts the calls that a principal has started within the hour", async () => {
    await using bridge = await startVoiceBridge({
      settings: { limits: { concurrentMax: 10, concurrentPerPrincipalMax: 10, perHourPerPrincipalMax: 2 } },
    });
    for (let at = 0; at < 2; at += 1) bridge.calls.end((await bridge.calls.open(admin, plainCall)).session, "hang_up");
    await expect(bridge.calls.open(admin, plainCall)).rejects.toMatchObject({
      code: "CALL_LIMIT_REACHED",
      details: { limit: "max_calls_per_hour" },
    });
    const other = { id: "token:other", role: "operator" } as const;
    expect((await bridge.calls.open(other, plainCall)).session.state).toBe("created");
  });
});
