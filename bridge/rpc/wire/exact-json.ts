/** A number of 16 digits or more, or with an exponent: what a double may not hold, or JavaScript writes differently. */
const riskyNumber = /[\s:,[]-?(?:[\d.]{16}|\d[\d.]*[eE])/;
/** Matches wherever `riskyNumber` matches, in half the time. */
const riskyDigits = /\d(?:[\d.]{15}|[eE])/;
/** An id such as `1.0`, which the answer must repeat unchanged. The key may contain escapes. */
const fractionalId = /"(?:i|\\u0069)(?:d|\\u0064)"\s*:\s*-?\d+\./;
/** The same id as the first positional param of `rpc.cancel` and `rpc.stream_credit`. */
const fractionalFirst =
  /"(?:p|\\u0070)(?:a|\\u0061)(?:r|\\u0072)(?:a|\\u0061)(?:m|\\u006[dD])(?:s|\\u0073)"\s*:\s*\[\s*-?\d+[.eE]/;

/** Whether a text needs `parseExact`. The answer may be a false positive for digits inside a string, which is harmless. */
export const mayHoldRiskyNumber = (text: string): boolean =>
  (riskyDigits.test(text) && riskyNumber.test(text)) || fractionalId.test(text) || fractionalFirst.test(text);

/** A number whose text JavaScript would not reproduce. */
export class WrittenNumber {
  readonly text: string;
  /** Undefined when no double has exactly this value. */
  readonly value: number | undefined;

  constructor(text: string, value: number | undefined) {
    this.text = text;
    this.value = value;
  }
}

/**
 * As `JSON.parse`, but a number that would change its value is a `WrittenNumber`, and so is one under the key `id`, or first in an
 * array where params are, that would change its spelling.
 */
export function parseExact(text: string): unknown {
  const firstKey = fractionalFirst.test(text) ? "0" : "id";
  const revive = (key: string, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== "number" || context?.source === undefined) return value;
    const { source } = context;
    if (source === String(value)) return value;
    if (canonical(source) !== canonical(String(value))) return new WrittenNumber(source, undefined);
    return key === "id" || key === firstKey ? new WrittenNumber(source, value) : value;
  };
  return JSON.parse(text, revive);
}

/**
 * Puts plain numbers back in place of the `WrittenNumber`s in a parsed value.
 * @returns where one stands that cannot be held, as a path, with its text; undefined when there is none
 */
export function settleNumbers(value: object, path: readonly string[] = []): { path: string; text: string } | undefined {
  for (const [key, member] of Object.entries(value)) {
    if (member instanceof WrittenNumber) {
      if (member.value === undefined) return { path: [...path, key].join("."), text: member.text };
      Object.assign(value, { [key]: member.value });
    } else if (typeof member === "object" && member !== null) {
      const found = settleNumbers(member, [...path, key]);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

const zero = 0x30;

/** Returns one spelling for all texts of the same decimal number: the digits without zeros at either end, and their exponent. */
function canonical(number: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number);
  if (match === null) return number;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  // A regular expression for the zeros at the end would try each zero inside the number as their start: quadratic time.
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === zero) end -= 1;
  const significant = digits.slice(0, end);
  if (significant === "") return "0";
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
