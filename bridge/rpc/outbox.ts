import type { Writable } from "node:stream";

/** Answers flushed together while a burst is read: the peer starts on them while the rest is worked on. */
const flushAnswers = 16;
const flushCharacters = 32 * 1024;

/**
 * What goes out of one connection, in order and in few writes: texts are joined, and buffers, which may be shared with other
 * connections, go out uncopied in one vectored write.
 */
export class Outbox {
  readonly #socket: Writable;
  #text = "";
  #answers = 0;
  #pieces: (string | Uint8Array)[] = [];
  #pieceBytes = 0;
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #isHolding = false;
  #isScheduled = false;

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  /** Bytes that the peer has not taken, counting a character as one. */
  get unsent(): number {
    return this.#socket.writableLength + this.#text.length + this.#pieceBytes + this.#heldBytes;
  }

  /** @param mayWait whether the caller flushes when it is done */
  text(line: string, mayWait: boolean): void {
    this.#text += `${line}\n`;
    this.#answers += 1;
    if (this.#answers >= flushAnswers || this.#text.length >= flushCharacters) this.flush();
    else if (!mayWait) this.#schedule();
  }

  bytes(line: Uint8Array, mayWait: boolean): void {
    if (this.#isHolding) {
      this.#held ??= [];
      this.#held.push(line);
      this.#heldBytes += line.length;
      return;
    }
    if (this.#text !== "") this.#sealText();
    this.#pieces.push(line);
    this.#pieceBytes += line.length;
    if (this.#pieceBytes >= flushCharacters) this.flush();
    else if (!mayWait) this.#schedule();
  }

  /** Keeps buffers back while a line is answered: the answer goes first, so that a subscriber knows its subscription. */
  hold(): void {
    this.#isHolding = true;
  }

  release(mayWait: boolean): void {
    this.#isHolding = false;
    if (this.#held === undefined) return;
    const held = this.#held;
    this.#held = undefined;
    this.#heldBytes = 0;
    for (const line of held) this.bytes(line, mayWait);
  }

  flush(): void {
    if (this.#pieces.length > 0) this.#flushPieces();
    else if (this.#text !== "") {
      const text = this.#text;
      this.#text = "";
      this.#answers = 0;
      if (this.#socket.writable) this.#socket.write(text);
    }
  }

  #flushPieces(): void {
    if (this.#text !== "") this.#sealText();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#pieceBytes = 0;
    if (!this.#socket.writable) return;
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }

  #sealText(): void {
    this.#pieces.push(this.#text);
    this.#pieceBytes += this.#text.length;
    this.#text = "";
    this.#answers = 0;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }
}
