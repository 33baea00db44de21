import assert from "node:assert/strict";
import { expect, test } from "@jest/globals";
import { espeak, pocketsphinx } from "../../agent-runtime/voice/speech-engines.ts";
import { startTestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { until } from "../support/until.ts";
import { hasSpeech, spokenPart } from "../support/voice/spoken.ts";
import { openFarEnd } from "../support/voice/voice.ts";

const answers = "#JSGF V1.0;\ngrammar g;\npublic <a> = all systems are running | please say that again | good bye;\n";

describeOnEngines(
  "agents that understand and speak",
  (engine, env) => {
    test("understand, answer and speak in a call through the real bridge", async () => {
      assert(hasSpeech, "espeak-ng and pocketsphinx are installed");
      await using bridge = await startTestDaemon({
        engine,
        env: env(),
        start: ["stt", "tts", "voice-assistant"],
        flags: [
          ...["--set", "webrtc.enabled=true", "--set", "webrtc.addresses=127.0.0.1"],
          ...["--set", "webrtc.port_first=41600", "--set", "webrtc.port_last=41619"],
        ],
      });
      const { client } = bridge;
      await until("the agents", async () => {
        const { agents } = await client.agent.list({});
        return agents.filter(({ state }) => state === "running").length === 3;
      });
      // Their only further right is to run programs of the host.
      expect((await client.agent.get({ agent_id: "stt-1" })).isolation).toBe(
        engine === "docker" ? "container" : engine,
      );
      await using far = await openFarEnd();
      const { session_id, sdp_answer } = await client.webrtc.start({
        room_id: "!voice:example.org",
        agent_id: "voice-assistant-1",
        stt_agent_id: "stt-1",
        tts_agent_id: "tts-1",
        offer: await far.offer(),
      });
      const said = client.subscribe({ channels: [`webrtc.${session_id}.transcript`] });
      await far.accept(sdp_answer);
      await until("the connection", async () => {
        const { sessions } = await client.webrtc.list({});
        return sessions.some(({ state }) => state === "active");
      });
      far.play(await espeak.speak("system status", 48_000, AbortSignal.timeout(10_000)));
      const texts: unknown[] = [];
      const listening = (async () => {
        for await (const { data } of said) if (texts.push(data["text"]) === 2) return;
      })();
      await until("both sides of the talk", () => texts.length === 2);
      await listening;
      expect(texts).toEqual(["system status", "all systems are running"]);
      const answer = await until("the whole answer", () => spokenPart(far.heard(), 48_000));
      // The recognizer needs the machine alone.
      await client.webrtc.end({ session_id });
      const understood = await pocketsphinx(answers).recognize(answer, 48_000, AbortSignal.timeout(20_000));
      expect(understood).toContain("all systems are running");
    }, 120_000);
  },
  ["sandbox", "docker"],
);
