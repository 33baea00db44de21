// `npm run bench -- voice`: measures the cost of calls and the benefit of concealment. `--json` prints one JSON object.
import { espeak } from "../../agent-runtime/voice/speech-engines.ts";
import { MediaClient } from "../../bridge/adapters/webrtc/calls/media-client.ts";
import { openDecoder, openEncoder } from "../../bridge/adapters/webrtc/media/codec.ts";
import { JitterBuffer } from "../../bridge/adapters/webrtc/media/jitter-buffer.ts";
import type { MediaEvent } from "../../bridge/adapters/webrtc/protocol/media-protocol.ts";
import { systemClock } from "../../bridge/platform/clock.ts";
import { until } from "../support/until.ts";
import { type FarEnd, loopback, openFarEnd, sine } from "../support/voice/voice.ts";

const callsMax = Number(process.argv.find((argument) => argument.startsWith("--calls="))?.slice(8) ?? 4);
const seconds = 5;
const percentile = (values: readonly number[], share: number) =>
  Math.round((values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? 0) * 10) / 10;

/** Processor time of this process, all threads, in milliseconds. */
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Measures the time from an agent's audio until the caller's end has decoded it. */
async function delayOut(media: MediaClient, call: string, far: FarEnd): Promise<number> {
  const heardBefore = far.heard().length;
  const startedAt = performance.now();
  for (let at = 0; at < 10; at += 1) media.play(call, sine(1_000, 16_000, 20, at * 20));
  for (;;) {
    if (
      far
        .heard()
        .subarray(heardBefore)
        .some((sample) => sample > 6_000)
    )
      return performance.now() - startedAt;
    if (performance.now() - startedAt > 10_000) throw new Error("The caller did not hear the agent");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function calls() {
  const listeners = new Map<string, (event: MediaEvent) => void>();
  const media = new MediaClient({ ...loopback, portRange: [45_000, 45_099] }, systemClock, {
    event: (call, event) => listeners.get(call)?.(event),
    ended: () => undefined,
  });
  await media.ready;
  const setUpMs: number[] = [];
  const delayInMs: number[] = [];
  const delayOutMs: number[] = [];
  const ends = [];
  try {
    for (let at = 0; at < callsMax; at += 1) {
      const id = `call-${at}`;
      const far = await openFarEnd();
      ends.push(far);
      const startedAt = performance.now();
      let isConnected = false;
      let markedAt = 0;
      listeners.set(id, (event) => {
        if (event.kind === "candidate" && event.candidate !== null) void far.add(event.candidate);
        else if (event.kind === "state" && event.state === "connected") isConnected = true;
        else if (event.kind === "audio" && markedAt > 0 && Math.max(...event.samples) > 6_000) {
          delayInMs.push(performance.now() - markedAt);
          markedAt = 0;
        }
      });
      await media.request(id, "open", { rate: 16_000, relayOnly: false });
      await far.accept(await media.request(id, "answer", { sdp: await far.offer() }));
      await until("the connection", () => isConnected);
      setUpMs.push(performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 500));
      markedAt = performance.now();
      far.play(sine(440, 48_000, 500));
      await until("the tone", () => markedAt === 0);
      delayOutMs.push(await delayOut(media, id, far));
    }
    for (const far of ends) far.play(sine(440, 48_000, seconds * 1_000));
    const before = cpuMs();
    const startedAt = performance.now();
    for (let at = 0; at < seconds * 50; at += 1) {
      for (let call = 0; call < callsMax; call += 1) media.play(`call-${call}`, sine(1_000, 16_000, 20, at * 20));
      const due = startedAt + (at + 1) * 20;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    }
    const share = (cpuMs() - before) / (performance.now() - startedAt);
    const { tickLagMaxMs } = await media.request("call-0", "stats", null);
    return {
      calls: callsMax,
      set_up_ms: { p50: percentile(setUpMs, 0.5), max: percentile(setUpMs, 1) },
      delay_in_ms: { p50: percentile(delayInMs, 0.5), max: percentile(delayInMs, 1) },
      delay_out_ms: { p50: percentile(delayOutMs, 0.5), max: percentile(delayOutMs, 1) },
      // Both ends run in this process, and use about the same processor time.
      cpu_percent_per_call: Math.round((share * 1000) / callsMax / 2) / 10,
      calls_per_core: Math.floor((callsMax * 2) / share),
      tick_lag_max_ms: Math.round(tickLagMaxMs),
    };
  } finally {
    for (const far of ends) await far[Symbol.asyncDispose]();
    await media.close();
  }
}

/** Measures the distance between lossy and lossless audio, with redundancy and concealment, and with silence instead. */
async function concealment(lossShare: number) {
  const text =
    "The quick brown fox jumps over the lazy dog, while five wizards watch from the other side of the river. ";
  const voice = await espeak.speak(text.repeat(3), 16_000, AbortSignal.timeout(20_000));
  const encoder = await openEncoder(16_000);
  const packets = Array.from({ length: Math.floor(voice.length / 320) }, (_, at) =>
    encoder.encode(voice.subarray(at * 320, at * 320 + 320)).slice(),
  );
  let state = 11;
  const lost = packets.map(() => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32 < lossShare;
  });
  const play = async (isLossy: boolean) => {
    const decoder = await openDecoder(16_000);
    let now = 0;
    const playout = new JitterBuffer(decoder, () => now);
    const heard: Int16Array[] = [];
    packets.forEach((payload, sequence) => {
      now = sequence * 20;
      if (!(isLossy && lost[sequence] === true && sequence > 5))
        playout.push({ sequence, timestamp: sequence * 960, payload });
      heard.push(playout.pull()?.slice() ?? new Int16Array(320));
    });
    decoder.free();
    return heard;
  };
  const [clean, concealed] = [await play(false), await play(true)];
  const silenced = clean.map((frame, at) => (lost[at - 1] === true && at > 6 ? new Int16Array(320) : frame));
  encoder.free();
  return {
    loss_percent: lossShare * 100,
    with_concealment_db: distance(clean, concealed),
    without_db: distance(clean, silenced),
  };
}

const bands = [150, 250, 400, 600, 900, 1_300, 1_900, 2_700];
const floorDb = 30;

/** Returns a frame's level in each band, in dB, with a floor at audible silence. */
const spectrum = (frame: Int16Array): number[] =>
  bands.map((hertz) => {
    const coefficient = 2 * Math.cos((2 * Math.PI * hertz) / 16_000);
    let [before, last] = [0, 0];
    for (const sample of frame) [before, last] = [last, sample + coefficient * last - before];
    const power = last * last + before * before - coefficient * last * before;
    return Math.max(floorDb, 10 * Math.log10(Math.max(1, power / frame.length)));
  });

/**
 * Returns the distance between received and original audio, as the mean distance of frames' spectra in dB: 0 is equal, and a waveform that
 * was rebuilt sounds right without being equal.
 */
function distance(reference: readonly Int16Array[], heard: readonly Int16Array[]): number {
  const [meant, got] = [reference.map(spectrum), heard.map(spectrum)];
  const apart = (a: readonly number[], b: readonly number[]) =>
    Math.sqrt(a.reduce((sum, level, band) => sum + (level - (b[band] ?? 0)) ** 2, 0) / a.length);
  // The delay changes seldom: the best fit over half a second is used for each frame.
  const at = (frame: number, lag: number) => apart(meant[frame] ?? [], got[frame + lag] ?? bands.map(() => floorDb));
  const around = (frame: number, lag: number) =>
    Array.from({ length: 25 }, (_, near) => at(Math.max(0, Math.min(meant.length - 1, frame - 12 + near)), lag));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const lags = Array.from({ length: 12 }, (_, lag) => lag);
  const distances = meant.map((_, frame) => {
    const best = lags.toSorted((a, b) => sum(around(frame, a)) - sum(around(frame, b)))[0] ?? 0;
    return at(frame, best);
  });
  return Math.round((100 * sum(distances)) / distances.length) / 100;
}

type Costs = Awaited<ReturnType<typeof calls>>;
type Concealment = Awaited<ReturnType<typeof concealment>>;

/** Prints the figures for a person. */
function table(costs: Costs, losses: readonly Concealment[]): string {
  const row = (label: string, value: string) => `  ${label.padEnd(50)}${value}`;
  const range = ({ p50, max }: { p50: number; max: number }) => `${p50} ms, at most ${max} ms`;
  return [
    `${costs.calls} calls that talk both ways all the time, for ${seconds} s:`,
    row("from the offer until the call is connected", range(costs.set_up_ms)),
    row("from the caller's sound to the agent", range(costs.delay_in_ms)),
    row("from the agent's sound to the caller's decoder", range(costs.delay_out_ms)),
    row("processor time of a call", `${costs.cpu_percent_per_call} % of a core`),
    row("calls that a core could carry", String(costs.calls_per_core)),
    row("longest delay of the 20 ms tick", `${costs.tick_lag_max_ms} ms`),
    "Speech over a line that loses packets, as distance from the lossless one (0 is the same):",
    ...losses.map(({ loss_percent: percent, with_concealment_db: concealed, without_db: silenced }) =>
      row(`${percent} % lost`, `${concealed} dB with redundancy and concealment, ${silenced} dB with silence instead`),
    ),
    "",
  ].join("\n");
}

const costs = await calls();
const losses: Concealment[] = [];
for (const loss of [0.01, 0.05, 0.1]) losses.push(await concealment(loss));
process.stdout.write(
  process.argv.includes("--json") ? `${JSON.stringify({ ...costs, concealment: losses })}\n` : table(costs, losses),
);
