import { randomBytes } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import { endOfString } from "./structure.ts";

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

/** What `parseExact` read. */
export interface ExactValue {
  readonly value: unknown;
  /** How many `WrittenNumber`s the value holds. */
  readonly written: number;
}

/** Checking one takes a microsecond. A value that a program computed has as many as it has fractions: a large matrix. */
const checkedMax = 100_000;
/** No request can be served that holds more than one, so these serve the error alone. */
const writtenMax = 1_000;
/** No peer can guess it, so no string that a peer sends is taken for a number. */
const marker = randomBytes(16).toString("hex");

/**
 * As `JSON.parse`, but a number that would change its value is a `WrittenNumber`, and so is one under the key `id`, or first in the
 * array where params are, that would change its spelling. `JSON.parse` with a reviver would take up to seventy times as long as
 * without: the numbers are replaced in the text, and put back into what was parsed.
 * @throws BridgeError INVALID_REQUEST for a text with too many such numbers
 */
export function parseExact(text: string): ExactValue {
  const written = findWritten(text);
  if (written.length === 0) return { value: JSON.parse(text), written: 0 };
  const pieces: string[] = [];
  let end = 0;
  for (const [index, { at, number }] of written.entries()) {
    pieces.push(text.slice(end, at), `"${marker}${index}"`);
    end = at + number.text.length;
  }
  const whole = { value: JSON.parse(pieces.join("") + text.slice(end)) as unknown };
  restore(whole, written);
  return { ...whole, written: written.length };
}

interface Found {
  readonly at: number;
  readonly number: WrittenNumber;
}

const numberHere = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const keyHere = /\s*:/y;
/** The longest spelling of the key `params`: an escape for each of its letters. */
const keyCharactersMax = 38;
const [colon, bracket, comma, brace, quote, minus] = [0x3a, 0x5b, 0x2c, 0x7b, 0x22, 0x2d];

function findWritten(text: string): Found[] {
  const found: Found[] = [];
  let checked = 0;
  let before = 0;
  let string = { start: 0, end: 0 };
  let isParams = false;
  const isKey = (name: string) => {
    const raw = string.end - string.start > keyCharactersMax ? "" : text.slice(string.start, string.end + 1);
    return raw === `"${name}"` || (raw.includes("\\") && unescaped(raw) === name);
  };
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      string = { start: at, end: endOfString(text, at) };
      at = string.end;
    } else if (code === colon || code === comma || code === brace) before = code;
    else if (code === bracket) {
      isParams = before === colon && isKey("params");
      before = code;
    } else if (code === minus || (code >= zero && code <= zero + 9)) {
      numberHere.lastIndex = at;
      const source = numberHere.exec(text)?.[0];
      if (source === undefined) continue;
      const isNamed = before === bracket ? isParams : before === colon && isKey("id");
      if (isNamed || source.length >= 16 || /[eE]/.test(source)) {
        checked += 1;
        if (checked > checkedMax) throw tooMany(checkedMax);
        const number = writtenOf(source, isNamed);
        if (number !== undefined && !isKeyAt(text, at + source.length)) found.push({ at, number });
        if (found.length > writtenMax) throw tooMany(writtenMax);
      }
      at += source.length - 1;
    }
  }
  return found;
}

const tooMany = (most: number): BridgeError =>
  new BridgeError(
    "INVALID_REQUEST",
    `The line holds more than ${most} numbers of 16 digits or more, or with an exponent; send them as strings`,
  );

function writtenOf(source: string, keepsSpelling: boolean): WrittenNumber | undefined {
  const value = Number(source);
  // A double keeps 15 digits wherever it has its full precision.
  if (!keepsSpelling && source.length <= 15 && Math.abs(value) > 1e-300 && Math.abs(value) < 1e300) return undefined;
  const usual = String(value);
  if (source === usual) return undefined;
  if (canonical(source) !== canonical(usual)) return new WrittenNumber(source, undefined);
  return keepsSpelling ? new WrittenNumber(source, value) : undefined;
}

/** Whether a key's colon follows. JSON has no number as a key, and a marker would be one. */
function isKeyAt(text: string, at: number): boolean {
  keyHere.lastIndex = at;
  return keyHere.test(text);
}

function unescaped(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}

function restore(value: object, written: readonly Found[]): void {
  for (const key in value) {
    const member: unknown = Reflect.get(value, key);
    if (typeof member === "object" && member !== null) restore(member, written);
    if (typeof member !== "string" || !member.startsWith(marker)) continue;
    const { number } = written[Number(member.slice(marker.length))] ?? {};
    // A plain assignment to `__proto__` would change the object's prototype.
    Object.defineProperty(value, key, { value: number, writable: true, enumerable: true, configurable: true });
  }
}

/**
 * Puts plain numbers back in place of the `WrittenNumber`s in a parsed value.
 * @returns where one stands that cannot be held, as a path, with its text; undefined when there is none
 */
export function settleNumbers(value: object, path: readonly string[] = []): { path: string; text: string } | undefined {
  for (const key in value) {
    const member: unknown = Reflect.get(value, key);
    if (member instanceof WrittenNumber) {
      if (member.value === undefined) return { path: [...path, key].join("."), text: member.text };
      Object.defineProperty(value, key, { value: member.value, writable: true, enumerable: true, configurable: true });
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
