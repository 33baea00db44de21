/** An error in the command line, with a remedy that says what to type instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "USAGE";
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}
