import { describe, expect, test } from "@jest/globals";
import { joined, sine, toneShare } from "../../../../tests/support/voice/voice.ts";
import { openDecoder, openEncoder } from "./codec.ts";
import { JitterBuffer } from "./jitter-buffer.ts";

/** The random numbers are deterministic, so that a run can be repeated. */
function* uniform(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    yield state / 2 ** 32;
  }
}

/** Plays four seconds of a tone over a network that loses and delays packets, in virtual time. */
async function play(lossShare: number, jitterMs: number, firstSequence = 1) {
  const encoder = await openEncoder(16_000);
  const decoder = await openDecoder(16_000);
  let now = 0;
  const playout = new JitterBuffer(decoder, () => now);
  const random = uniform(7);
  const arrivals = Array.from({ length: 200 }, (_, at) => ({
    atMs: at * 20 + random.next().value * jitterMs,
    frame: {
      sequence: firstSequence + at,
      timestamp: at * 960,
      payload: encoder.encode(sine(440, 16_000, 20, at * 20)).slice(),
    },
    isLost: random.next().value < lossShare,
  })).filter(({ isLost }) => !isLost);
  const heard: Int16Array[] = [];
  let silent = 0;
  for (now = 0; now < 4_400; now += 20) {
    for (const { atMs, frame } of arrivals) if (atMs > now - 20 && atMs <= now) playout.push(frame);
    const samples = playout.pull();
    if (samples === undefined) silent += 1;
    else heard.push(samples.slice());
  }
  encoder.free();
  decoder.free();
  return { stats: playout.stats, samples: joined(heard), silent };
}

describe("the jitter buffer", () => {
  test("plays packets that arrive in order and adds at most 60 ms", async () => {
    const { stats, samples } = await play(0, 0);
    expect(stats).toMatchObject({ played: 200, recovered: 0, late: 0, skipped: 0 });
    expect(stats.targetMs).toBeLessThanOrEqual(60);
    expect(toneShare(samples.slice(8_000, 16_000), 440, 16_000)).toBeGreaterThan(0.98);
  });

  test("rebuilds most lost packets from the next packet, and conceals the rest", async () => {
    const { stats } = await play(0.1, 0);
    expect(stats.recovered).toBeGreaterThan(10);
    expect(stats.recovered).toBeGreaterThan(stats.concealed);
    expect(stats.played + stats.recovered + stats.concealed).toBeGreaterThanOrEqual(200);
  });

  test("waits longer on a line with jitter", async () => {
    const { stats } = await play(0, 60);
    expect(stats.targetMs).toBeGreaterThan(60);
    expect(stats.targetMs).toBeLessThanOrEqual(300);
  });

  test("is silent after a gap and starts again", async () => {
    const decoder = await openDecoder(16_000);
    const encoder = await openEncoder(16_000);
    const playout = new JitterBuffer(decoder, () => 0);
    const payload = encoder.encode(new Int16Array(320));
    for (const sequence of [1, 2, 3]) playout.push({ sequence, timestamp: sequence * 960, payload });
    const first = Array.from({ length: 12 }, () => playout.pull() !== undefined);
    expect(first.filter(Boolean)).toHaveLength(8);
    for (const sequence of [900, 901, 902]) playout.push({ sequence, timestamp: sequence * 960, payload });
    expect(playout.pull()).toHaveLength(320);
    playout.push({ sequence: 800, timestamp: 0, payload });
    expect(playout.stats.late).toBe(1);
    decoder.free();
    encoder.free();
  });

  test("treats a packet without valid Opus as lost", async () => {
    const decoder = await openDecoder(16_000);
    const playout = new JitterBuffer(decoder, () => 0);
    for (const sequence of [1, 2]) playout.push({ sequence, timestamp: 0, payload: Uint8Array.of(255, 255, 255) });
    expect(playout.pull()).toHaveLength(320);
    expect(playout.stats.concealed).toBe(1);
    decoder.free();
  });
});
