/** 16 KiB: people do not read longer lines, and a writer without newlines must not fill the bridge's memory. */
const lineLengthMax = 16 * 1024;

/** Cuts a stream of text into lines. A line that is too long is passed on once, cut, and the rest of it is dropped. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #rest = "";
  #isCutting = false;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(text: string): void {
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) {
      if (!this.#isCutting) this.#onLine(part.slice(0, lineLengthMax));
      this.#isCutting = false;
    }
    if (this.#rest.length <= lineLengthMax) return;
    if (!this.#isCutting) this.#onLine(this.#rest.slice(0, lineLengthMax));
    this.#isCutting = true;
    this.#rest = "";
  }

  /** Passes on the text after the last newline. */
  end(): void {
    if (this.#rest !== "" && !this.#isCutting) this.#onLine(this.#rest);
    this.#rest = "";
    this.#isCutting = false;
  }
}
