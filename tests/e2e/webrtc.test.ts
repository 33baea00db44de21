import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";
import { openFarEnd, sine } from "../support/voice/voice.ts";

describe("calls through the real bridge", () => {
  let bridge: TestDaemon;
  beforeAll(async () => {
    bridge = await startTestDaemon({
      engine: "process",
      flags: [
        "--set",
        "allow_unsandboxed=true",
        "--set",
        "listen.http.address=127.0.0.1:0",
        "--set",
        "webrtc.enabled=true",
        "--set",
        "webrtc.addresses=127.0.0.1",
        "--set",
        "webrtc.port_first=41500",
        "--set",
        "webrtc.port_last=41519",
        "--set",
        "webrtc.concurrent_per_principal_max=2",
      ],
    });
  });
  afterAll(async () => {
    await bridge?.[Symbol.asyncDispose]();
  });

  test("an offer is answered at once, candidates are in the answer, and media flows", async () => {
    const { client } = bridge;
    await using far = await openFarEnd();
    const events = client.subscribe({ channels: ["webrtc.>"] });
    const started = await client.webrtc.start({ room_id: "!voice:example.org", ttl: "10m", offer: await far.offer() });
    expect(started.session_id).toMatch(/^sess_[0-9a-f]{32}$/);
    expect(started.sdp_answer).toMatch(/a=candidate:.* 127\.0\.0\.1 /);
    await far.accept(started.sdp_answer);
    far.play(sine(440, 48_000, 3_000));
    const active = await until("the connection", async () => {
      const { sessions } = await client.webrtc.list({});
      return sessions.find(({ state }) => state === "active");
    });
    expect(active).toMatchObject({ session_id: started.session_id, principal: `user:${process.getuid?.()}` });
    const { session_id } = started;
    const trickled = await client.call("webrtc.ice_candidate", {
      session_id,
      candidate: { candidate: "candidate:1 1 udp 2122260223 10.0.0.1 50000 typ host", sdpMid: "0", sdpMLineIndex: 0 },
    });
    expect(trickled.status).toBe("candidate_ignored");
    expect((await client.webrtc.mute({ session_id })).is_muted).toBe(true);
    expect((await client.webrtc.hold({ session_id })).state).toBe("held");
    expect((await client.webrtc.hold({ session_id, held: false })).state).toBe("active");
    expect((await client.webrtc.end({ session_id })).duration_ms).toBeGreaterThan(0);
    expect((await client.webrtc.end({ session_id })).status).toBe("ended");
    await expect(client.webrtc.mute({ session_id })).rejects.toMatchObject({ code: "CALL_STATE_CONFLICT" });
    const states: unknown[] = [];
    for await (const { type, data } of events) {
      states.push(type === "webrtc.ended" ? data["reason"] : data["state"]);
      if (type === "webrtc.ended") break;
    }
    expect(states).toEqual(["connecting", "active", "held", "active", "ended", "hang_up"]);
    const { entries } = await client.call("webrtc.get_audit_log", { session_id });
    expect(entries.map(({ event_type }) => event_type)).toEqual(
      expect.arrayContaining(["session.created", "token.minted", "session.ended"]),
    );
  });

  test("a call ends when its time reaches a limit of the budget, and the reason is reported", async () => {
    const { client } = bridge;
    const room = { room_id: "!voice:example.org" };
    const limit = { scope: "provider:webrtc", window: "day", unit: "duration_ms" } as const;
    const { rows } = await client.budget.report({ by: ["provider"] });
    const spentMs = rows.find(({ keys }) => keys[0] === "webrtc")?.duration_ms ?? 0;
    const hard = spentMs + 1_500;
    await client.budget.set({ ...limit, hard });
    await using far = await openFarEnd();
    const events = client.subscribe({
      channels: ["webrtc.*.ended", "budget.>"],
      filter: { types: ["webrtc.ended", "budget.exhausted"] },
    });
    const { session_id, sdp_answer } = await client.webrtc.start({ ...room, offer: await far.offer() });
    await far.accept(sdp_answer);
    const told = new Map<string, Record<string, unknown>>();
    for await (const { type, data } of events) if (told.set(type, data).size === 2) break;
    expect(told.get("webrtc.ended")).toMatchObject({ session_id, reason: "budget" });
    expect(told.get("webrtc.ended")?.["duration_ms"]).toBeGreaterThanOrEqual(1_400);
    const { sessions } = await client.webrtc.list({});
    expect(sessions.find((session) => session.session_id === session_id)?.end_reason).toBe("budget");
    const { entries } = await client.call("webrtc.get_audit_log", { session_id, event_type: "session.ended" });
    expect(entries[0]?.detail).toMatchObject({ reason: "budget" });
    const [bounded] = (await client.budget.status({ scope: limit.scope })).limits;
    expect(bounded).toMatchObject({ spent: hard, held: 0, remaining: 0 });
    await expect(client.webrtc.start(room)).rejects.toMatchObject({
      code: "BUDGET_EXCEEDED",
      details: { scope: limit.scope, unit: "duration_ms" },
    });
    await client.budget.set({ ...limit, remove: true });
  });

  test("limits, hostile offers and unknown sessions are answered with their own codes", async () => {
    const { client } = bridge;
    const room = { room_id: "!voice:example.org" };
    await expect(client.webrtc.start({ ...room, agent_id: "nobody-1" })).rejects.toMatchObject({
      code: "AGENT_NOT_FOUND",
      message: "No agent with the id nobody-1 runs",
    });
    await expect(client.webrtc.start({ ...room, offer: "garbage" })).rejects.toMatchObject({
      code: "CALL_OFFER_REFUSED",
    });
    await expect(client.webrtc.end({ session_id: `sess_${"0".repeat(32)}` })).rejects.toMatchObject({
      code: "CALL_NOT_FOUND",
    });
    const opened = [await client.webrtc.start(room), await client.webrtc.start(room)];
    await expect(client.webrtc.start(room)).rejects.toMatchObject({
      code: "CALL_LIMIT_REACHED",
      details: { limit: "max_concurrent_calls_per_user", max: 2 },
    });
    const listed = await bridge.cli(["webrtc", "list"]);
    expect(listed.stdout).toContain(opened[0]?.session_id);
    const page = await fetch(opened[0]?.call_url ?? "");
    expect(await page.text()).toContain("Call the agent");
    expect((await fetch(new URL("/health", opened[0]?.call_url))).status).toBe(401);
    for (const { session_id } of opened) await client.webrtc.end({ session_id });
  });
});

test("a bridge without calls answers with an error", async () => {
  await using bridge = await startTestDaemon({ engine: "process", flags: ["--set", "allow_unsandboxed=true"] });
  await expect(bridge.client.webrtc.start({ room_id: "!a:b" })).rejects.toMatchObject({ code: "CALLS_DISABLED" });
});
