/** Gathers the answers of one batch, and sends them as one array when the last is there. */
export class Batch {
  readonly #send: (text: string) => void;
  readonly #answers: string[] = [];
  /** Answers that are still to come, and one for the batch being read. */
  #open = 1;
  #bytes = 1;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /** Bytes of the answers so far, with what parts them. */
  get bytes(): number {
    return this.#bytes;
  }

  expect(): void {
    this.#open += 1;
  }

  /** One answer, or none for a notification; also called once when the whole batch has been read. */
  settle(answer: string | undefined): void {
    if (answer !== undefined) {
      this.#answers.push(answer);
      this.#bytes += Buffer.byteLength(answer) + 1;
    }
    this.#open -= 1;
    if (this.#open === 0 && this.#answers.length > 0) this.#send(`[${this.#answers.join(",")}]`);
  }
}
