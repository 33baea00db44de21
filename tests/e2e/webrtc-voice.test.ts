import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { Loop } from "../../agent-runtime/loops/loop.ts";
import { createLoop as createStt } from "../../agent-runtime/loops/stt.ts";
import { createLoop as createTts } from "../../agent-runtime/loops/tts.ts";
import { createLoop as createAssistant } from "../../agent-runtime/loops/voice-assistant.ts";
import { pocketsphinx } from "../../agent-runtime/voice/speech-engines.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { hasChromium, recordedSound, startChromium, startRecording } from "../support/voice/chromium.ts";
import { hasSpeech, sayIntoFile } from "../support/voice/spoken.ts";
import { admin, plainCall, startVoiceBridge } from "../support/voice/voice-bridge.ts";

const answers = `#JSGF V1.0;
grammar g;
public <a> = (one | two | three | four) agents are running | all systems are running | please say that again;
`;

describeIf(hasChromium && hasSpeech, "chromium, espeak-ng or pocketsphinx is not installed", "a spoken call", () => {
  test("is transcribed by one agent, answered by another, spoken by a third, and played to the caller", async () => {
    using temp = tempDirectory();
    const microphone = join(temp.path, "microphone.wav");
    sayIntoFile(microphone, "how many agents are running");
    await using bridge = await startVoiceBridge();
    const ending = new AbortController();
    const trouble: string[] = [];
    const run = async (agentId: string, loop: Loop) =>
      await loop.start?.({
        ...({ agentId, scheduleMs: 1_000, signal: ending.signal } as const),
        mediaSocketPath: await bridge.listenFor(agentId),
        call: (async () => ({ health: { status: "ok", agents_running: 3, problems: [] } })) as never,
        log: (line: string) => trouble.push(line),
      } as never);
    await run("stt-1", createStt());
    await run("tts-1", createTts());
    await run("voice-assistant-1", createAssistant());
    const { token } = await bridge.calls.open(admin, {
      ...plainCall,
      agentId: "voice-assistant-1",
      sttAgentId: "stt-1",
      ttsAgentId: "tts-1",
    });
    try {
      await using browser = await startChromium(microphone);
      const page = await browser.newPage();
      await page.goto(`${bridge.origin}/call/#token=${token}`);
      await page.getByRole("button", { name: "Call", exact: true }).click();
      await until("the connection", async () => (await page.locator("#state").textContent()) === "Connected");
      await startRecording(page);
      const lines = page.locator("#transcript p:not(.empty)");
      await until("both sides of the talk", async () => (await lines.count()) >= 2, 25_000);
      expect((await lines.allTextContents()).slice(0, 2)).toEqual([
        "You: how many agents are running",
        "Agent: three agents are running",
      ]);
      const understood = await until(
        "the spoken answer, understood again",
        async () => {
          const words = await pocketsphinx(answers).recognize(
            await recordedSound(page),
            16_000,
            AbortSignal.timeout(9_000),
          );
          return words.includes("running") ? words : undefined;
        },
        25_000,
      );
      expect(understood).toContain("three agents are running");
      expect(trouble).toEqual([]);
    } finally {
      ending.abort();
    }
  }, 90_000);
});
