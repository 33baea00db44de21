import type { Writable } from "node:stream";
import type { Flushable, Flusher } from "./flusher.ts";
import type { JoinedLines } from "./joined-lines.ts";
import type { LentLine } from "./line-buffers.ts";

/** The most answers that are collected during a burst: the peer handles them while the rest is computed. */
const flushAnswers = 16;
const flushCharacters = 32 * 1024;

/** The output of one connection, in order and with few writes. Answers are joined as text; connections with the same pushes share the joined bytes. */
export class WriteQueue implements Flushable {
  readonly #socket: Writable;
  readonly #joined: JoinedLines;
  readonly #flusher: Flusher;
  #text = "";
  #answers = 0;
  #lines: Uint8Array[] = [];
  #lineBytes = 0;
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #isHolding = false;
  #isScheduled = false;

  constructor(socket: Writable, joined: JoinedLines, flusher: Flusher) {
    this.#socket = socket;
    this.#joined = joined;
    this.#flusher = flusher;
  }

  /** The unsent bytes, counting a character as one byte. */
  get unsent(): number {
    return this.#socket.writableLength + this.#text.length + this.#lineBytes + this.#heldBytes;
  }

  /**
   * Takes an answer or an item.
   * @param mayWait whether the caller flushes when it is done
   */
  add(line: string | LentLine, mayWait: boolean): void {
    if (typeof line !== "string") {
      this.flush();
      if (this.#socket.writable) this.#socket.write(line.bytes, line.onWritten);
      return;
    }
    this.#text += `${line}\n`;
    this.#answers += 1;
    if (this.#answers >= flushAnswers || this.#text.length >= flushCharacters) this.flush();
    else if (!mayWait) this.#schedule();
  }

  /** Queues a notification. Other connections may share its bytes. */
  push(line: Uint8Array, mayWait: boolean): void {
    if (this.#isHolding) {
      this.#held ??= [];
      this.#held.push(line);
      this.#heldBytes += line.length;
      return;
    }
    if (this.#text !== "") this.#sealText();
    this.#add(line);
    if (this.#lineBytes >= flushCharacters) this.flush();
    else if (!mayWait) this.#schedule();
  }

  /** Holds pushes while a line is answered, so that a subscriber receives its subscription id before the first event. */
  hold(): void {
    this.#isHolding = true;
  }

  release(mayWait: boolean): void {
    this.#isHolding = false;
    if (this.#held === undefined) return;
    const held = this.#held;
    this.#held = undefined;
    this.#heldBytes = 0;
    for (const line of held) this.push(line, mayWait);
  }

  endTick(): void {
    this.#isScheduled = false;
    this.flush();
  }

  flush(): void {
    if (this.#lines.length > 0) {
      if (this.#text !== "") this.#sealText();
      const [lines, bytes] = [this.#lines, this.#lineBytes];
      this.#lines = [];
      this.#lineBytes = 0;
      if (this.#socket.writable) this.#socket.write(this.#joined.of(lines, bytes));
    } else if (this.#text !== "") {
      const text = this.#takeText();
      if (this.#socket.writable) this.#socket.write(text);
    }
  }

  #sealText(): void {
    this.#add(Buffer.from(this.#takeText()));
  }

  #takeText(): string {
    const text = this.#text;
    this.#text = "";
    this.#answers = 0;
    return text;
  }

  #add(line: Uint8Array): void {
    this.#lines.push(line);
    this.#lineBytes += line.length;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#flusher.add(this);
  }
}
