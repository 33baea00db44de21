import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type CallWorld, startCallWorld } from "../support/call-world.ts";
import type { TestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/require-part.ts";
import { synapseIsThere } from "../support/synapse.ts";
import { until } from "../support/until.ts";

describeIf(synapseIsThere(), "no Synapse", "calls of the members of a room", () => {
  let world: CallWorld;
  let bridge: TestDaemon;
  beforeAll(async () => {
    world = await startCallWorld({ start: ["voice-desk"], ports: [41_700, 41_719] });
    bridge = await world.startBridge();
  }, 90_000);
  afterAll(async () => {
    await bridge?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  const start = (params: object = {}) => bridge.client.webrtc.start({ room_id: world.room, ...params });
  const endOf = (sessionId: string) =>
    until("the end of the call", async () => {
      const { sessions } = await bridge.client.webrtc.list({});
      return sessions.find(({ session_id }) => session_id === sessionId)?.end_reason;
    });

  test("are for those who are in it, and for no one else", async () => {
    const hers = await start({ user_id: world.ann.adapter.status().session?.userId });
    const { sessions } = await bridge.client.webrtc.list({});
    expect(sessions).toEqual([expect.objectContaining({ user_id: "@ann:localhost", session_id: hers.session_id })]);
    await bridge.client.webrtc.end({ session_id: hers.session_id });
    await expect(start({ user_id: "@zoe:localhost" })).rejects.toMatchObject({
      code: "FORBIDDEN",
      message: expect.stringContaining("@zoe:localhost is not in"),
    });
    await expect(start({ user_id: "@ann:localhost", room_id: "!other:localhost" })).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
    const { entries } = await bridge.client.call("webrtc.get_audit_log", { event_type: "session.denied" });
    expect(entries.map(({ detail }) => detail["why"])).toEqual(["FORBIDDEN", "FORBIDDEN"]);
  });

  test("end when their member leaves the room, and no other does", async () => {
    const ofAnn = await start({ user_id: "@ann:localhost" });
    const ofEve = await start({ user_id: "@eve:localhost" });
    await world.annInTheClear.request("POST", `rooms/${world.room}/kick`, { user_id: "@eve:localhost" });
    expect(await endOf(ofEve.session_id)).toBe("left_room");
    await expect(start({ user_id: "@eve:localhost" })).rejects.toMatchObject({ code: "FORBIDDEN" });
    const { sessions } = await bridge.client.webrtc.list({ state: "created" });
    expect(sessions.map(({ session_id }) => session_id)).toEqual([ofAnn.session_id]);
    await bridge.client.webrtc.end({ session_id: ofAnn.session_id });
  });

  test("end when their agent dies, and its return is for the next call", async () => {
    const { session_id } = await start({ agent_id: "voice-desk-1" });
    const { pid } = await bridge.client.agent.get({ agent_id: "voice-desk-1" });
    process.kill(Number(pid), "SIGKILL");
    expect(await endOf(session_id)).toBe("agent_gone");
    await until("the agent", async () => {
      const { state, pid: next } = await bridge.client.agent.get({ agent_id: "voice-desk-1" });
      return state === "running" && next !== pid;
    });
    const again = await start({ agent_id: "voice-desk-1" });
    await bridge.client.call("agent.stop", { agent_id: "voice-desk-1" });
    expect(await endOf(again.session_id)).toBe("agent_gone");
  });

  test("end with the bridge's own place in the room", async () => {
    const { session_id } = await start();
    await world.annInTheClear.request("POST", `rooms/${world.room}/kick`, { user_id: world.bridgeId });
    expect(await endOf(session_id)).toBe("left_room");
    await expect(start({ user_id: "@ann:localhost" })).rejects.toMatchObject({ code: "FORBIDDEN" });
  });
});
