import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Browser } from "playwright-core";
import type { TestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { type MatrixPhone, openMatrixPhone } from "../support/matrix/matrix-phone.ts";
import { synapseIsThere } from "../support/matrix/synapse.ts";
import { until } from "../support/until.ts";
import { type CallWorld, startCallWorld } from "../support/voice/call-world.ts";
import { hasChromium, hearTone, selectedPair, startChromium } from "../support/voice/chromium.ts";
import { openFarEnd, sine, toneShare } from "../support/voice/voice.ts";

/** A homeserver, a browser and a bridge run at once on a machine that may have other work. */
const patienceMs = 60_000;
const testMs = 180_000;
const isPossible = synapseIsThere() && hasChromium;

describeIf(isPossible, "no Synapse or no chromium", "calls from a Matrix room", () => {
  let world: CallWorld;
  let bridge: TestDaemon;
  let browser: Browser;
  let ann: MatrixPhone;
  beforeAll(async () => {
    [world, browser] = await Promise.all([
      startCallWorld({
        start: ["voice-echo"],
        ports: [41_700, 41_739],
        voice: (room) => `concurrent_per_principal_max = 2\n[webrtc.room_agents."${room}"]\nagent = "voice-echo-1"`,
      }),
      startChromium(),
    ]);
    [bridge, ann] = await Promise.all([world.startBridge(), openMatrixPhone(browser, world.synapse.url, "ann", 440)]);
    await until("ann's sight of the room", () => ann.phone.evaluate((it, room) => it.members(room) === 3, world.room));
  }, 240_000);
  afterAll(async () => {
    await ann?.[Symbol.asyncDispose]();
    await browser?.close();
    await bridge?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  const call = () => ann.phone.evaluate((it, room) => it.call(room), world.room);
  const stateIs = (wanted: string) =>
    until(
      `the state ${wanted}`,
      async () => {
        const status = await ann.phone.evaluate((it) => it.status);
        return status.state === wanted && status;
      },
      patienceMs,
    );
  const say = (type: string, content: object) =>
    ann.phone.evaluate((it, [room, ...event]) => it.send(room, ...event), [world.room, type, content] as const);
  /** Returns the bridge's events of a call. */
  const saidOf = async (callId: string) =>
    (await ann.phone.evaluate((it) => it.heard)).filter(
      ({ sender, content }) => sender === world.bridgeId && content["call_id"] === callId,
    );
  const reply = (callId: string, type: string) =>
    until(type, async () => (await saidOf(callId)).find((event) => event.type === type), patienceMs);
  const hearsEcho = async () => {
    const heard = await until(
      "the echo",
      async () => {
        const tone = await hearTone(ann.page);
        return tone.rms > 0.1 ? tone : undefined;
      },
      patienceMs,
    );
    expect(Math.abs(heard.hertz - 440)).toBeLessThan(12);
  };
  const live = async () => {
    const { sessions } = await bridge.client.webrtc.list({});
    return sessions.filter(({ state }) => state !== "ended");
  };
  const lastEnd = () =>
    until(
      "the end of all calls",
      async () => {
        const { sessions, active_sessions } = await bridge.client.webrtc.list({});
        return active_sessions === 0 && sessions.at(-1)?.end_reason;
      },
      patienceMs,
    );
  const refused = async (): Promise<string[]> => {
    const { entries } = await bridge.client.call("webrtc.get_audit_log", { event_type: "ring.refused" });
    return entries.map(({ principal, detail }) => `${principal} ${detail["why"]} ${detail["code"] ?? ""}`.trim());
  };

  test(
    "are answered in the encrypted room, with audio in both directions, also after an ICE restart",
    async () => {
      await call();
      expect((await stateIs("connected")).streams).toBe(1);
      await hearsEcho();
      expect(await live()).toEqual([
        expect.objectContaining({
          principal: "matrix:@ann:localhost",
          user_id: "@ann:localhost",
          agent_id: "voice-echo-1",
        }),
      ]);
      const heard = await ann.phone.evaluate((it) => it.heard);
      expect(heard.map(({ type }) => type)).toEqual(["m.call.answer", "m.call.candidates"]);
      expect(heard.every(({ isEncrypted }) => isEncrypted)).toBe(true);
      const candidates = heard[1]?.content["candidates"] as { candidate: string }[];
      expect(candidates.at(-1)?.candidate).toBe("");
      expect(candidates[0]?.candidate).toContain(" 127.0.0.1 ");
      const { fragment: before } = await selectedPair(ann.page);
      await ann.phone.evaluate((it) => it.connection.restartIce());
      const isOnNewPair = async () => {
        const { fragment, received } = await selectedPair(ann.page);
        return fragment !== before && received > 100;
      };
      await until("sound over a new pair", isOnNewPair, patienceMs);
      await hearsEcho();

      await ann.phone.evaluate((it) => it.hangUp());
      expect(await lastEnd()).toBe("hang_up");
    },
    testMs,
  );

  test(
    "are hung up by the bridge, too, and the client is notified",
    async () => {
      await call();
      await stateIs("connected");
      const [session] = await live();
      await bridge.client.webrtc.end({ session_id: session?.session_id ?? "" });
      expect(await stateIs("ended")).toMatchObject({ reason: "user_hangup" });
    },
    testMs,
  );

  test(
    "are answered in the old version of the signaling",
    async () => {
      await using far = await openFarEnd();
      const base = { call_id: "old", version: 0 };
      await say("m.call.invite", { ...base, lifetime: 60_000, offer: { type: "offer", sdp: await far.offer() } });
      const { content } = await reply("old", "m.call.answer");
      expect(content).toMatchObject({ version: 0 });
      expect(content).not.toHaveProperty("party_id");
      await far.accept((content["answer"] as { sdp: string }).sdp);
      await until("the connection", async () => (await live())[0]?.state === "active");
      far.play(sine(700, 48_000, 4_000));
      await until("the echo", () => toneShare(far.heard().slice(-24_000), 700, 48_000) > 0.9);
      await say("m.call.hangup", base);
      expect(await lastEnd()).toBe("hang_up");
    },
    testMs,
  );

  test(
    "are not answered for strangers, unencrypted, or too late; each is recorded",
    async () => {
      await using far = await openFarEnd();
      const invite = {
        version: "1",
        party_id: "p",
        lifetime: 60_000,
        offer: { type: "offer", sdp: await far.offer() },
      };
      const inTheClear = (who: typeof world.eve, callId: string) =>
        who.request("PUT", `rooms/${world.room}/send/m.call.invite/${callId}`, { ...invite, call_id: callId });
      await inTheClear(world.eve, "eve");
      await inTheClear(world.ann, "clear");
      await say("m.call.invite", { ...invite, call_id: "late", lifetime: 0 });
      await say("m.call.invite", { ...invite, call_id: "other", invitee: "@eve:localhost" });
      await say("m.call.invite", { call_id: "broken", version: "1" });
      const expected = [
        "matrix:@eve:localhost sender_not_trusted",
        "matrix:@ann:localhost not_encrypted",
        "matrix:@ann:localhost stale",
        "matrix:@ann:localhost malformed",
      ];
      await until("the record", async () => (await refused()).length === expected.length, patienceMs);
      expect((await refused()).toReversed()).toEqual(expected);
      for (const callId of ["eve", "clear", "late", "other", "broken"]) expect(await saidOf(callId)).toEqual([]);
      expect(await live()).toEqual([]);
    },
    testMs,
  );

  test(
    "are rejected over the limit, and while the agent is away",
    async () => {
      await using far = await openFarEnd();
      const of = (callId: string) => ({ version: "1", party_id: "p", call_id: callId });
      const offer = { type: "offer", sdp: await far.offer() };
      for (const callId of ["one", "two", "three"])
        await say("m.call.invite", { ...of(callId), lifetime: 60_000, offer });
      expect((await reply("three", "m.call.reject")).content).toMatchObject({ reason: "user_busy", version: "1" });
      for (const callId of ["one", "two"]) await say("m.call.hangup", of(callId));
      expect(await lastEnd()).toBe("hang_up");
      await bridge.client.call("agent.stop", { agent_id: "voice-echo-1" });
      await call();
      expect(await stateIs("ended")).toMatchObject({ reason: "user_busy" });
      expect((await refused()).slice(0, 2)).toEqual([
        "matrix:@ann:localhost rejected AGENT_NOT_RUNNING",
        "matrix:@ann:localhost rejected CALL_LIMIT_REACHED",
      ]);
      await bridge.client.agent.start({ agent_type: "voice-echo", name: "voice-echo-1" });
    },
    testMs,
  );

  test("that were offered while the bridge was down are not answered by the next bridge", async () => {
    await bridge.client.close();
    await bridge.end("SIGKILL");
    await using far = await openFarEnd();
    const offer = { type: "offer", sdp: await far.offer() };
    await say("m.call.invite", { version: "1", party_id: "p", call_id: "missed", lifetime: 200, offer });
    bridge = await world.startBridge();
    await until("the record", async () => (await refused())[0] === "matrix:@ann:localhost stale", patienceMs);
    expect(await saidOf("missed")).toEqual([]);
    expect((await bridge.client.webrtc.list({})).sessions).toEqual([]);
    await call();
    await stateIs("connected");
    await ann.phone.evaluate((it) => it.hangUp());
    expect(await lastEnd()).toBe("hang_up");
  }, 60_000);

  const start = (params: object = {}) => bridge.client.webrtc.start({ room_id: world.room, ...params });
  const endOf = (sessionId: string) =>
    until("the end of the call", async () => {
      const { sessions } = await bridge.client.webrtc.list({});
      return sessions.find(({ session_id }) => session_id === sessionId)?.end_reason;
    });

  test(
    "are controlled only by their participants",
    async () => {
      const hers = await start({ user_id: "@ann:localhost" });
      const { sessions } = await bridge.client.webrtc.list({});
      expect(sessions.at(-1)).toMatchObject({ user_id: "@ann:localhost", session_id: hers.session_id });
      await bridge.client.webrtc.end({ session_id: hers.session_id });
      await expect(start({ user_id: "@zoe:localhost" })).rejects.toMatchObject({
        code: "FORBIDDEN",
        message: expect.stringContaining("@zoe:localhost is not a member of"),
      });
      await expect(start({ user_id: "@ann:localhost", room_id: "!other:localhost" })).rejects.toMatchObject({
        code: "FORBIDDEN",
      });
      const { entries } = await bridge.client.call("webrtc.get_audit_log", { event_type: "session.denied" });
      expect(entries.slice(0, 2).map(({ detail }) => detail["why"])).toEqual(["FORBIDDEN", "FORBIDDEN"]);
    },
    testMs,
  );

  test(
    "end when their member leaves the room, and no other does",
    async () => {
      const ofAnn = await start({ user_id: "@ann:localhost" });
      const ofEve = await start({ user_id: "@eve:localhost" });
      await world.ann.request("POST", `rooms/${world.room}/kick`, { user_id: "@eve:localhost" });
      expect(await endOf(ofEve.session_id)).toBe("left_room");
      await expect(start({ user_id: "@eve:localhost" })).rejects.toMatchObject({ code: "FORBIDDEN" });
      const { sessions } = await bridge.client.webrtc.list({ state: "created" });
      expect(sessions.map(({ session_id }) => session_id)).toEqual([ofAnn.session_id]);
      await bridge.client.webrtc.end({ session_id: ofAnn.session_id });
    },
    testMs,
  );

  test(
    "end when their agent dies, and the restarted agent takes the next call",
    async () => {
      const { session_id } = await start({ agent_id: "voice-echo-1" });
      const { pid } = await bridge.client.agent.get({ agent_id: "voice-echo-1" });
      process.kill(Number(pid), "SIGKILL");
      expect(await endOf(session_id)).toBe("agent_gone");
      await until("the agent", async () => {
        const { state, pid: next } = await bridge.client.agent.get({ agent_id: "voice-echo-1" });
        return state === "running" && next !== pid;
      });
      const again = await start({ agent_id: "voice-echo-1" });
      await bridge.client.call("agent.stop", { agent_id: "voice-echo-1" });
      expect(await endOf(again.session_id)).toBe("agent_gone");
    },
    testMs,
  );

  test(
    "end when the bridge leaves the room",
    async () => {
      const { session_id } = await start();
      await world.ann.request("POST", `rooms/${world.room}/kick`, { user_id: world.bridgeId });
      expect(await endOf(session_id)).toBe("left_room");
      await expect(start({ user_id: "@ann:localhost" })).rejects.toMatchObject({ code: "FORBIDDEN" });
    },
    testMs,
  );
});
