import { expect, test } from "@jest/globals";
import { until } from "../../../../tests/support/until.ts";
import { startVoiceBridge } from "../../../../tests/support/voice/voice-bridge.ts";
import { silentLogger } from "../../../logging/index.ts";
import { systemClock } from "../../../platform/clock.ts";
import { AgentAudio } from "./agent-audio.ts";
import { assertParticipants } from "./call-participants.ts";

const nobody = { agentId: undefined, sttAgentId: undefined, ttsAgentId: undefined };

test("a call to an agent that is not running, or has no media connection, is refused with its name", async () => {
  const audio = new AgentAudio(silentLogger);
  const check = (lives: boolean, more: object) =>
    assertParticipants(audio, () => lives, { ...nobody, ...more }, systemClock);
  await expect(check(false, { agentId: "nobody-1" })).rejects.toMatchObject({
    code: "AGENT_NOT_FOUND",
    message: expect.stringContaining("nobody-1"),
  });
  await expect(check(false, { sttAgentId: "stt-9" })).rejects.toThrow(/stt-9/);
  await expect(check(true, { agentId: "heartbeat-1" })).rejects.toMatchObject({
    code: "CALL_STATE_CONFLICT",
    message: expect.stringContaining("heartbeat-1 takes no part in calls"),
  });
  await check(false, {});
});

test("an agent that needs stt and tts cannot be called without them", async () => {
  await using bridge = await startVoiceBridge();
  const agent = await bridge.agent("desk-1");
  agent.send({ kind: "message", message: { type: "hello", needs: ["stt", "tts"] } });
  const check = (more: object) =>
    assertParticipants(bridge.audio, () => true, { ...nobody, agentId: "desk-1", ...more }, systemClock);
  await until("the services that the agent needs", () => bridge.audio.needsOf("desk-1").length === 2);
  await expect(check({})).rejects.toThrow(/give stt_agent_id and tts_agent_id too/);
  await bridge.agent("stt-1");
  await expect(check({ sttAgentId: "stt-1" })).rejects.toThrow(/give tts_agent_id too/);
});
