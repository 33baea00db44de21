/** Secrets in text, by the prefixes of their issuers. The whole match is replaced. */
const patterns: readonly RegExp[] = [
  /\bsk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{16,}/g, // OpenAI, Anthropic, OpenRouter
  /\b(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, // AWS
  /\bAIza[A-Za-z0-9_-]{30,}/g, // Google
  /\bxox[abeprs]-[A-Za-z0-9-]{10,}/g, // Slack
  /\bsyt_[A-Za-z0-9_=-]{10,}/g, // Matrix (Synapse)
  /\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{12,}/gi,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----.*/g,
];

/**
 * What a JSON Web Token begins with, and all that may belong to it. An expression for its three parts would look for the first dot
 * again at each `-eyJ`: quadratic time.
 */
const webTokens = /\beyJ[A-Za-z0-9_.-]{16,}/g;
const isWebToken = (text: string): boolean => text.split(".", 3).length === 3;

const keyBegins = /-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/;
const keyEnds = /-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/;
/** An RSA key of 16,384 bits has 200 lines. A key that never ends hides no more than this. */
const keyLinesMax = 256;

/** Fields of JSON, headers and queries whose values are secrets. A line has 16 KiB at most, and so has a quoted value. */
const fields =
  /("?\b(?:password|passwd|secret|api[_-]?key|access[_-]?token|refresh[_-]?token)"?\s*[:=]\s*)("[^"]{0,16384}"?|[^\s,;&"][^\s,;&]*)/gi;

/** Redacts the lines of one stream. A private key in PEM spans lines: none of its body is kept. */
export class StreamRedactor {
  #keyLinesLeft = 0;

  /** Must see every line of the stream in order, also lines that are then dropped. */
  redact(line: string): string {
    if (this.#keyLinesLeft > 0) {
      this.#keyLinesLeft = keyEnds.test(line) ? 0 : this.#keyLinesLeft - 1;
      return "[redacted]";
    }
    if (keyBegins.test(line) && !keyEnds.test(line)) this.#keyLinesLeft = keyLinesMax;
    return redact(line);
  }
}

/** Replaces what looks like a secret in a line of output, as agents may print secrets by mistake. */
export function redact(line: string): string {
  let text = line
    .replace(fields, "$1[redacted]")
    .replace(webTokens, (found) => (isWebToken(found) ? "[redacted]" : found));
  for (const pattern of patterns) text = text.replace(pattern, "[redacted]");
  return text;
}
