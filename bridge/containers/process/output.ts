import type { Readable } from "node:stream";
import type { OutputLine } from "../port/engine.ts";
import { LineSplitter } from "./line-splitter.ts";

/** The number of lines that are kept for a listener that is added after the start. */
const heldLinesMax = 256;

/** Splits an agent's output into lines, from its start on, for its one listener. */
export class AgentOutput {
  #listener: ((line: OutputLine) => void) | undefined;
  #held: OutputLine[] = [];
  readonly #sources: Promise<void>[] = [];

  /** The last output, for messages about a failed start. */
  lastLine: OutputLine | undefined;

  /** Resolves when no more output can arrive. */
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
    const splitter = new LineSplitter((line) => this.#emit({ stream, line }));
    this.#sources.push(new Promise((resolve) => source.once("close", resolve)));
    source.setEncoding("utf8");
    source.on("data", (text: string) => splitter.push(text));
    source.on("end", () => splitter.end());
    // A broken pipe ends the output; the container's end is detected elsewhere.
    source.on("error", () => source.destroy());
  }

  #emit(line: OutputLine): void {
    this.lastLine = line;
    if (this.#listener !== undefined) this.#listener(line);
    else if (this.#held.length < heldLinesMax) this.#held.push(line);
  }
}
