import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../../../tests/support/manual-clock.ts";
import type { Silence } from "../protocol/media-protocol.ts";
import { defaultSilenceLimits, SilenceWatch } from "./silence-watch.ts";

describe("a caller who disappears without a hangup", () => {
  test("is noticed by the missing packets, step by step", () => {
    const clock = new ManualClock();
    const said: Silence[] = [];
    const watch = new SilenceWatch(clock, defaultSilenceLimits, (silence) => said.push(silence));
    watch.start();
    for (let at = 0; at < 60; at += 1) {
      clock.advance(1_000);
      if (at < 20) watch.packet();
    }
    expect(said).toEqual(["stalled", "restart", "lost"]);
  });

  test("is not considered gone when packets arrive again", () => {
    const clock = new ManualClock();
    const said: Silence[] = [];
    const watch = new SilenceWatch(clock, defaultSilenceLimits, (silence) => said.push(silence));
    watch.start();
    for (let at = 0; at < 7; at += 1) clock.advance(1_000);
    watch.packet();
    watch.stop();
    for (let at = 0; at < 60; at += 1) clock.advance(1_000);
    expect(said).toEqual(["stalled", "resumed"]);
  });
});
