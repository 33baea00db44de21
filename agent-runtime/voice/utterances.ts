/** Audio of this length before the start of speech is part of the utterance: the bridge detects speech late. */
const beforeMs = 400;
/** A longer utterance is split here. */
const utteranceMsMax = 15_000;

/** Splits a call's audio into utterances at the bridge's speech messages. */
export class Utterances {
  readonly #rate: number;
  readonly #onUtterance: (samples: Int16Array<ArrayBuffer>) => void;
  #frames: Int16Array[] = [];
  #samples = 0;
  #isSpeaking = false;

  constructor(rate: number, onUtterance: (samples: Int16Array<ArrayBuffer>) => void) {
    this.#rate = rate;
    this.#onUtterance = onUtterance;
  }

  push(samples: Int16Array): void {
    this.#frames.push(samples);
    this.#samples += samples.length;
    const most = ((this.#isSpeaking ? utteranceMsMax : beforeMs) * this.#rate) / 1000;
    if (this.#samples <= most) return;
    if (this.#isSpeaking) this.#finish();
    else this.#samples -= this.#frames.shift()?.length ?? 0;
  }

  speech(change: "started" | "stopped"): void {
    if (change === "stopped" && this.#isSpeaking) this.#finish();
    this.#isSpeaking = change === "started";
  }

  #finish(): void {
    const utterance = new Int16Array(this.#samples);
    let at = 0;
    for (const frame of this.#frames.splice(0)) {
      utterance.set(frame, at);
      at += frame.length;
    }
    this.#samples = 0;
    this.#onUtterance(utterance);
  }
}
