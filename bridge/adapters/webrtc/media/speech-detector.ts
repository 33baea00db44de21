/** Audio below this level is never speech, in dBFS. */
const floorDb = -50;
/** Speech is at least this much louder than the noise floor. */
const marginDb = 10;
/** Of the last five frames this many must be loud to begin. */
const framesToBegin = 3;
/** 600 ms: pauses within a sentence are shorter. */
const framesToEnd = 30;
const recentMax = 5;

export type SpeechChange = "started" | "stopped" | undefined;

/**
 * Detects speech by its loudness above a noise floor that follows the room. Constant noise becomes the floor within two seconds.
 * Speech starts with three loud frames of five, so that a click does not start it.
 */
export class SpeechDetector {
  #noiseDb = floorDb;
  #recent: boolean[] = [];
  #quietRun = 0;
  #isSpeaking = false;
  #levelDb = -100;

  get isSpeaking(): boolean {
    return this.#isSpeaking;
  }

  /** The last frame's loudness, in dBFS. */
  get levelDb(): number {
    return this.#levelDb;
  }

  /** Takes 20 ms. Undefined samples are silence. */
  push(samples: Int16Array | undefined): SpeechChange {
    this.#levelDb = samples === undefined ? -100 : loudness(samples);
    const isLoud = this.#levelDb > Math.max(floorDb, this.#noiseDb + marginDb);
    this.#followNoise(isLoud);
    this.#recent = [...this.#recent, isLoud].slice(-recentMax);
    this.#quietRun = isLoud ? 0 : this.#quietRun + 1;
    if (!this.#isSpeaking && this.#recent.filter(Boolean).length >= framesToBegin) return this.#turn(true);
    if (this.#isSpeaking && this.#quietRun >= framesToEnd) return this.#turn(false);
    return undefined;
  }

  #turn(isSpeaking: boolean): SpeechChange {
    this.#isSpeaking = isSpeaking;
    return isSpeaking ? "started" : "stopped";
  }

  /** The floor falls at once and rises slowly, so that a fan becomes the floor and a sentence does not. */
  #followNoise(isLoud: boolean): void {
    if (this.#levelDb < this.#noiseDb) this.#noiseDb = Math.max(-90, this.#levelDb);
    else this.#noiseDb += isLoud ? 0.05 : 0.5;
  }
}

/** Root mean square, in dB of full scale. */
export function loudness(samples: Int16Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length)) / 32_768;
  return rms < 1e-5 ? -100 : 20 * Math.log10(rms);
}
