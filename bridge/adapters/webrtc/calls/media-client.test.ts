import { describe, expect, test } from "@jest/globals";
import { until } from "../../../../tests/support/until.ts";
import { loopback, openFarEnd, sine, toneShare } from "../../../../tests/support/voice/voice.ts";
import { systemClock } from "../../../platform/clock.ts";
import type { MediaEvent } from "../protocol/media-protocol.ts";
import { MediaClient } from "./media-client.ts";

describe("the media thread", () => {
  test("carries a tone both ways, reports speech and keys, and ends", async () => {
    const events: MediaEvent[] = [];
    await using far = await openFarEnd();
    const media = new MediaClient({ ...loopback, portRange: [42_000, 42_019] }, systemClock, {
      event: (_, event) => {
        events.push(event);
        if (event.kind === "candidate" && event.candidate !== null) void far.add(event.candidate);
      },
      ended: (error) => events.push({ kind: "digit", digit: String(error) }),
    });
    try {
      await media.ready;
      await media.request("call", "open", { rate: 16_000, relayOnly: false });
      const answer = await media.request("call", "answer", { sdp: await far.offer() });
      await far.accept(answer);
      await until("the call", () => events.some((event) => event.kind === "state" && event.state === "connected"));
      far.play(sine(440, 48_000, 2_000));
      for (let frame = 0; frame < 100; frame += 1) media.play("call", sine(1_000, 16_000, 20, frame * 20));
      const heard = await until("two seconds of sound", () => {
        const audio = events.flatMap((event) => (event.kind === "audio" ? [...event.samples] : []));
        return audio.length > 16_000 * 1.6 ? audio : undefined;
      });
      expect(toneShare(Int16Array.from(heard.slice(8_000, 16_000)), 440, 16_000)).toBeGreaterThan(0.95);
      const back = await until("the answer", () => (far.heard().length > 48_000 ? far.heard() : undefined));
      expect(toneShare(back.slice(24_000, 48_000), 1_000, 48_000)).toBeGreaterThan(0.95);
      expect(events.some((event) => event.kind === "speech" && event.change === "started")).toBe(true);
      const stats = await media.request("call", "stats", null);
      expect(stats.packetsReceived).toBeGreaterThan(50);
      expect(stats.unauthenticatedStun).toBe(0);
    } finally {
      await media.close();
    }
    await expect(media.request("call", "stats", null)).rejects.toMatchObject({ code: "CALL_MEDIA_FAILED" });
    expect(events.filter((event) => event.kind === "digit")).toEqual([]);
  });
});
