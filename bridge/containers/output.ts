import type { Readable } from "node:stream";
import type { OutputLine } from "./engine.ts";

/** 16 KiB: what is longer is no line for a person, and a writer without newlines must not fill the bridge's memory. */
const lineLengthMax = 16 * 1024;
/** Lines kept for a listener that comes after the start. */
const heldLinesMax = 256;

/** Turns an agent's output into lines, from its start on, for the one listener. */
export class AgentOutput {
  #listener: ((line: OutputLine) => void) | undefined;
  #held: OutputLine[] = [];
  readonly #sources: Promise<void>[] = [];

  /** What was written last, for messages about a failed start. */
  lastLine: OutputLine | undefined;

  /** Resolves when nothing more can come. */
  async ended(): Promise<void> {
    await Promise.all(this.#sources);
  }

  listen(listener: (line: OutputLine) => void): void {
    this.#listener = listener;
    const held = this.#held;
    this.#held = [];
    for (const line of held) listener(line);
  }

  read(source: Readable, stream: OutputLine["stream"]): void {
    let rest = "";
    let cutting = false;
    this.#sources.push(new Promise((resolve) => source.once("close", resolve)));
    source.setEncoding("utf8");
    source.on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        if (!cutting) this.#emit({ stream, line: part.slice(0, lineLengthMax) });
        cutting = false;
      }
      if (rest.length <= lineLengthMax) return;
      if (!cutting) this.#emit({ stream, line: rest.slice(0, lineLengthMax) });
      cutting = true;
      rest = "";
    });
    source.on("end", () => {
      if (rest !== "" && !cutting) this.#emit({ stream, line: rest });
    });
    // A broken pipe ends the output; the container's end is seen elsewhere.
    source.on("error", () => source.destroy());
  }

  #emit(line: OutputLine): void {
    this.lastLine = line;
    if (this.#listener !== undefined) this.#listener(line);
    else if (this.#held.length < heldLinesMax) this.#held.push(line);
  }
}
