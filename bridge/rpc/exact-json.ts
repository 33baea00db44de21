/**
 * Finds, anywhere in a text, a number that a double may not hold or that JavaScript writes differently: 16 digits or
 * more, or an exponent. It may find one inside a string; the exact parse then finds nothing wrong.
 */
export const riskyNumber = /[\s:,[]-?(?:[\d.]{16}|\d[\d.]*[eE])/;

/** Stands for a number whose text a double cannot give back. */
export class InexactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** As `JSON.parse`, but a number that would change its value is an `InexactNumber`. */
export function parseExact(text: string): unknown {
  const revive = (_key: string, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== "number" || context?.source === undefined) return value;
    return canonical(context.source) === canonical(String(value)) ? value : new InexactNumber(context.source);
  };
  return JSON.parse(text, revive);
}

/** Where in a parsed value an `InexactNumber` stands, as a path, with its text; undefined when there is none. */
export function findInexact(value: unknown, path: readonly string[] = []): { path: string; text: string } | undefined {
  if (value instanceof InexactNumber) return { path: path.join("."), text: value.text };
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, member] of Object.entries(value)) {
    const found = findInexact(member, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** One spelling for all texts of the same decimal number: its digits without zeros at either end, and their exponent. */
function canonical(number: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number);
  if (match === null) return number;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
