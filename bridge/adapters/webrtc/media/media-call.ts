import { randomBytes } from "node:crypto";
import type { Clock } from "../../../platform/clock.ts";
import type { MediaEvent, MediaStats } from "../protocol/media-protocol.ts";
import { type SampleRate, samplesPerFrame } from "../protocol/sample-rate.ts";
import { type FrameDecoder, type FrameEncoder, openDecoder, openEncoder } from "./codec.ts";
import { JitterBuffer } from "./jitter-buffer.ts";
import { defaultSilenceLimits, SilenceWatch } from "./silence-watch.ts";
import { loudness, SpeechDetector } from "./speech-detector.ts";
import { frameMs, type Ticker } from "./ticker.ts";
import type { MediaTransport, ReceivedFrame, TransportEvents } from "./transport.ts";

/** The most frames that may wait for playback: ten seconds. */
const queuedMax = 500;
const samplesOf48kPerFrame = 960;
/** Levels are reported five times a second. */
const framesPerLevel = 10;

export interface MediaCallDeps {
  readonly clock: Clock;
  readonly ticker: Ticker;
  readonly openTransport: (events: TransportEvents) => MediaTransport;
  readonly emit: (event: MediaEvent) => void;
}

/** The audio of one call: packets on one side, 20 ms of samples on the other. */
export class MediaCall {
  readonly #deps: MediaCallDeps;
  readonly #decoder: FrameDecoder;
  readonly #encoder: FrameEncoder;
  readonly #transport: MediaTransport;
  readonly #playout: JitterBuffer;
  readonly #watch: SilenceWatch;
  readonly #speech = new SpeechDetector();
  readonly #silence: Int16Array;
  readonly #release: () => void;
  #queue: Int16Array[] = [];
  #timestamp = randomBytes(4).readUInt32BE(0);
  #ticks = 0;
  #isTalking = false;
  #isConnected = false;
  #isHeld = false;
  #isMuted = false;
  #spokenLevelDb = -100;
  #spokenMs = 0;
  #dropped = 0;

  static async open(rate: SampleRate, deps: MediaCallDeps): Promise<MediaCall> {
    return new MediaCall(rate, deps, await openDecoder(rate), await openEncoder(rate));
  }

  private constructor(rate: SampleRate, deps: MediaCallDeps, decoder: FrameDecoder, encoder: FrameEncoder) {
    this.#deps = deps;
    this.#decoder = decoder;
    this.#encoder = encoder;
    this.#silence = new Int16Array(samplesPerFrame(rate));
    this.#playout = new JitterBuffer(decoder, () => deps.clock.monotonic());
    this.#watch = new SilenceWatch(deps.clock, defaultSilenceLimits, (silence) =>
      deps.emit({ kind: "silence", silence }),
    );
    this.#transport = deps.openTransport({
      candidate: (candidate) => deps.emit({ kind: "candidate", candidate }),
      state: (state) => this.#onState(state),
      frame: (frame) => this.#onFrame(frame),
      digit: (digit) => deps.emit({ kind: "digit", digit }),
    });
    this.#release = deps.ticker.add(() => this.#tick());
  }

  answer(sdp: string): Promise<string> {
    return this.#transport.answer(sdp);
  }

  addCandidate(candidate: string): Promise<boolean> {
    return this.#transport.addCandidate(candidate);
  }

  /** Queues a frame for the caller. A frame that does not fit is dropped and counted. */
  play(samples: Int16Array): void {
    if (samples.length !== this.#silence.length || this.#queue.length >= queuedMax) this.#dropped += 1;
    else this.#queue.push(samples);
  }

  /** Drops the frames that were not played yet. */
  clear(): { readonly playedMs: number; readonly droppedMs: number } {
    const droppedMs = this.#queue.length * frameMs;
    this.#queue = [];
    const playedMs = this.#spokenMs;
    this.#spokenMs = 0;
    return { playedMs, droppedMs };
  }

  /** Held: neither side gets audio. Muted: the agent gets no audio of the caller. */
  set(flags: { readonly held?: boolean | undefined; readonly muted?: boolean | undefined }): void {
    this.#isHeld = flags.held ?? this.#isHeld;
    this.#isMuted = flags.muted ?? this.#isMuted;
    if (this.#isHeld) this.#queue = [];
  }

  get stats(): MediaStats {
    return {
      ...this.#transport.stats(),
      ...this.#playout.stats,
      outgoingQueuedMs: this.#queue.length * frameMs,
      outgoingDropped: this.#dropped,
      tickLagMaxMs: this.#deps.ticker.lagMaxMs,
    };
  }

  async close(): Promise<void> {
    this.#release();
    this.#watch.stop();
    await this.#transport.close();
    this.#encoder.free();
    this.#decoder.free();
  }

  #onState(state: Parameters<TransportEvents["state"]>[0]): void {
    this.#isConnected = state === "connected";
    if (this.#isConnected) this.#watch.start();
    this.#deps.emit({ kind: "state", state });
  }

  #onFrame(frame: ReceivedFrame): void {
    this.#watch.packet();
    this.#playout.push(frame);
  }

  #tick(): void {
    this.#receive();
    this.#send();
    this.#ticks += 1;
    if (this.#ticks % framesPerLevel !== 0 || !this.#isConnected) return;
    const { levelDb: callerDb } = this.#speech;
    this.#deps.emit({ kind: "level", callerDb, agentDb: this.#spokenLevelDb, queuedMs: this.#queue.length * frameMs });
  }

  #receive(): void {
    const samples = this.#playout.pull();
    const isAudible = samples !== undefined && !this.#isHeld && !this.#isMuted;
    const change = this.#speech.push(isAudible ? samples : undefined);
    if (change !== undefined) this.#deps.emit({ kind: "speech", change, queuedMs: this.#queue.length * frameMs });
    // The decoder may reuse its memory, so a copy leaves the thread.
    if (isAudible) this.#deps.emit({ kind: "audio", samples: samples.slice() });
  }

  /** Sends a frame at each tick, if need be of silence: browsers conceal missing packets with invented sound. */
  #send(): void {
    this.#timestamp = (this.#timestamp + samplesOf48kPerFrame) >>> 0;
    const samples = this.#isHeld ? undefined : this.#queue.shift();
    this.#spokenLevelDb = samples === undefined ? -100 : loudness(samples);
    if (samples !== undefined) this.#spokenMs += frameMs;
    if (!this.#isConnected) return;
    const isFirst = samples !== undefined && !this.#isTalking;
    this.#isTalking = samples !== undefined;
    const payload = this.#encoder.encode(samples ?? this.#silence);
    this.#transport.send({ payload, timestamp: this.#timestamp, isFirst });
  }
}
