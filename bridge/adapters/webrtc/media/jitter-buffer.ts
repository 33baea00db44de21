import type { JitterBufferStats } from "../protocol/media-protocol.ts";
import type { FrameDecoder } from "./codec.ts";
import { frameMs } from "./ticker.ts";
import type { ReceivedFrame } from "./transport.ts";

/** In frames of 20 ms. */
const targetMin = 2;
const targetMax = 15;
/** How far above its target the queue may grow before a frame is skipped. */
const slack = 4;
/** After this many concealed frames in a row the buffer plays silence. */
const concealedMax = 5;
/** The target shrinks by one after this many frames that a smaller target would have served. */
const shrinkAfter = 250;
/** A larger jump of the sequence number means a new stream. */
const jumpMax = 500;
/** The most frames that may wait, whatever the target. */
const queuedMax = 50;
const clockRate = 48;

/**
 * Turns packets with jitter into one frame each 20 ms. Its delay follows the jitter. A lost frame is rebuilt from the next packet's
 * redundancy, or concealed, and after several losses in a row the buffer plays silence.
 */
export class JitterBuffer {
  readonly #decoder: FrameDecoder;
  readonly #monotonic: () => number;
  readonly #queue = new Map<number, Uint8Array>();
  #next: number | undefined;
  #highest = 0;
  #isPlaying = false;
  #concealedRun = 0;
  #target = targetMin;
  #calm = 0;
  #jitter = 0;
  #transit: number | undefined;
  readonly #counts = { played: 0, recovered: 0, concealed: 0, late: 0, skipped: 0 };

  constructor(decoder: FrameDecoder, monotonic: () => number) {
    this.#decoder = decoder;
    this.#monotonic = monotonic;
  }

  get stats(): JitterBufferStats {
    return {
      ...this.#counts,
      targetMs: this.#target * frameMs,
      queuedMs: this.#queue.size * frameMs,
      jitterMs: this.#jitter / clockRate,
    };
  }

  /** Takes a frame. Sequence numbers continue past 65535, and each arrives once. */
  push({ sequence, timestamp, payload }: ReceivedFrame): void {
    if (this.#next !== undefined && Math.abs(sequence - this.#highest) > jumpMax) this.#reset();
    if (this.#next !== undefined && sequence < this.#next) {
      this.#counts.late += 1;
      return;
    }
    this.#adapt(timestamp);
    this.#highest = this.#next === undefined ? sequence : Math.max(this.#highest, sequence);
    this.#next ??= sequence;
    if (this.#queue.size < queuedMax) this.#queue.set(sequence, payload);
  }

  /** The next 20 ms, or undefined for silence. */
  pull(): Int16Array | undefined {
    if (!this.#isPlaying && !this.#begin()) return undefined;
    this.#skipIfBehind();
    this.#passOverConcealed();
    const next = this.#next ?? 0;
    const payload = this.#queue.get(next);
    if (payload !== undefined) {
      this.#queue.delete(next);
      this.#next = next + 1;
      this.#concealedRun = 0;
      return this.#decode(payload);
    }
    if (this.#queue.size === 0) return this.#starve();
    this.#next = next + 1;
    const following = this.#queue.get(next + 1);
    if (following === undefined) return this.#conceal();
    this.#counts.recovered += 1;
    return this.#attempt(() => this.#decoder.recover(following));
  }

  #begin(): boolean {
    if (this.#queue.size < this.#target) return false;
    this.#isPlaying = true;
    this.#concealedRun = 0;
    this.#next = Math.min(...this.#queue.keys());
    return true;
  }

  /** After a stall of the sender the queue would stay long and delay everything. */
  #skipIfBehind(): void {
    const next = this.#next ?? 0;
    if (this.#highest - next + 1 <= this.#target + slack || !this.#queue.delete(next)) return;
    this.#next = next + 1;
    this.#counts.skipped += 1;
  }

  /** Skips frames that were concealed while nothing arrived and are lost. Otherwise each gap would delay the call for good. */
  #passOverConcealed(): void {
    if (this.#concealedRun === 0 || this.#queue.size === 0) return;
    const next = this.#next ?? 0;
    this.#next = next + Math.min(this.#concealedRun, Math.min(...this.#queue.keys()) - next);
    this.#concealedRun = 0;
  }

  #decode(payload: Uint8Array): Int16Array {
    this.#counts.played += 1;
    return this.#attempt(() => this.#decoder.decode(payload));
  }

  /** An authenticated packet may still hold no Opus. It is concealed as a lost frame. */
  #attempt(decode: () => Int16Array): Int16Array {
    try {
      return decode();
    } catch {
      return this.#conceal();
    }
  }

  #conceal(): Int16Array {
    this.#counts.concealed += 1;
    return this.#decoder.conceal();
  }

  #starve(): Int16Array | undefined {
    this.#concealedRun += 1;
    if (this.#concealedRun <= concealedMax) return this.#conceal();
    this.#isPlaying = false;
    return undefined;
  }

  #reset(): void {
    this.#queue.clear();
    this.#next = undefined;
    this.#isPlaying = false;
    this.#transit = undefined;
  }

  /** Estimates the jitter (RFC 3550 §6.4.1) and sets the target from it. Late packets do not count: old ones would delay the call. */
  #adapt(timestamp: number): void {
    const transit = this.#monotonic() * clockRate - timestamp;
    const change = this.#transit === undefined ? 0 : Math.abs(transit - this.#transit);
    this.#transit = transit;
    // Timestamps wrap around, and stop while a browser is suspended.
    if (change < 5_000 * clockRate) this.#jitter += (change - this.#jitter) / 16;
    const wanted = Math.ceil((3 * this.#jitter) / clockRate / frameMs) + 1;
    const target = Math.min(targetMax, Math.max(targetMin, wanted));
    if (target >= this.#target) {
      this.#target = target;
      this.#calm = 0;
    } else if (++this.#calm > shrinkAfter) {
      this.#target -= 1;
      this.#calm = 0;
    }
  }
}
