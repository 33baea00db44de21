/** Collects the answers of one batch and sends them as one array after the last answer. */
export class Batch {
  readonly #send: (text: string) => void;
  readonly #answers: string[] = [];
  /** The number of missing answers, plus one while the batch is being read. */
  #open = 1;
  #bytes = 1;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /** The bytes of the answers so far, including the commas. */
  get bytes(): number {
    return this.#bytes;
  }

  expect(): void {
    this.#open += 1;
  }

  /** Takes one answer, or undefined for a notification. The dispatcher also calls it once when the whole batch has been read. */
  settle(answer: string | undefined): void {
    if (answer !== undefined) {
      this.#answers.push(answer);
      this.#bytes += Buffer.byteLength(answer) + 1;
    }
    this.#open -= 1;
    if (this.#open === 0 && this.#answers.length > 0) this.#send(`[${this.#answers.join(",")}]`);
  }
}
