/** A string of more characters is written in slices. */
const longCharacters = 64 * 1024;
/** A string above some 128 KiB is a large object of V8's: fresh memory for it costs several times as much as writing the text. */
const sliceCharacters = 16 * 1024;

/**
 * Writes the JSON of a value that is, or has as a member of its own, a long string.
 * @returns the text in parts of moderate length; undefined for every other value, which `JSON.stringify` writes faster
 */
export function longJsonParts(value: unknown): string[] | undefined {
  if (typeof value === "string") return value.length > longCharacters ? stringParts(value) : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return value.some(isLong) ? arrayParts(value) : undefined;
  return value.constructor === Object && hasLongMember(value) ? objectParts(value) : undefined;
}

const isLong = (value: unknown): boolean => typeof value === "string" && value.length > longCharacters;

function hasLongMember(value: object): boolean {
  let found = false;
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    if (key === "toJSON") return false;
    found ||= isLong(member);
  }
  return found;
}

function arrayParts(values: readonly unknown[]): string[] {
  // In an array, a value that JSON does not have is null.
  const parts = values.flatMap((value, index) => [index === 0 ? "[" : ",", ...(memberParts(value) ?? ["null"])]);
  parts.push("]");
  return parts;
}

function objectParts(value: object): string[] {
  const parts: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    const text = memberParts(member);
    if (text === undefined) continue;
    parts.push(`${parts.length === 0 ? "{" : ","}${JSON.stringify(key)}:`, ...text);
  }
  parts.push("}");
  return parts;
}

/** @returns undefined for a value that JSON does not have */
function memberParts(value: unknown): string[] | undefined {
  if (typeof value === "string" && value.length > longCharacters) return stringParts(value);
  const json: string | undefined = JSON.stringify(value);
  return json === undefined ? undefined : [json];
}

function stringParts(text: string): string[] {
  const parts = ['"'];
  for (let start = 0; start < text.length; ) {
    const end = sliceEnd(text, start);
    parts.push(JSON.stringify(text.slice(start, end)).slice(1, -1));
    start = end;
  }
  parts.push('"');
  return parts;
}

/** A slice never ends between the two halves of a surrogate pair: `JSON.stringify` would escape each. */
function sliceEnd(text: string, start: number): number {
  const end = Math.min(text.length, start + sliceCharacters);
  const last = text.charCodeAt(end - 1);
  return end < text.length && last >= 0xd800 && last <= 0xdbff ? end - 1 : end;
}

/** A shorter text gains nothing: its strings are no large objects. */
const longTextCharacters = 128 * 1024;
/** Stands for the long string while the rest is parsed. */
const placeholder = "\ue000";
/** JSON forbids these within a string. */
const controlCharacter = /[\0-\x1f]/;

/**
 * As `JSON.parse`. Where nearly all of a long text is one string without escapes, that string is a slice of the text, which costs
 * a fifth of a copy. The slice keeps the text in memory, which is at most twice as long.
 */
export function parseJson(text: string): unknown {
  if (text.length > longTextCharacters && !text.includes("\\") && !text.includes(placeholder)) {
    const middle = text.length >> 1;
    const start = text.lastIndexOf('"', middle) + 1;
    const end = text.indexOf('"', middle + 1);
    if (start > 0 && text.length - (end - start) <= longCharacters) {
      const parsed = parseAround(text, start, end);
      if (parsed !== undefined) return parsed.value;
    }
  }
  return JSON.parse(text);
}

/** @returns undefined where what stands between the quotes is not the text of exactly one value */
function parseAround(text: string, start: number, end: number): { readonly value: unknown } | undefined {
  const long = text.slice(start, end);
  if (controlCharacter.test(long)) return undefined;
  let found = 0;
  const revive = (_: string, value: unknown) => {
    if (value !== placeholder) return value;
    found += 1;
    return long;
  };
  try {
    const value: unknown = JSON.parse(`${text.slice(0, start)}${placeholder}${text.slice(end)}`, revive);
    return found === 1 ? { value } : undefined;
  } catch {
    // The quotes end one string and begin another, or the text is no JSON. What throws then is the parser of the whole.
    return undefined;
  }
}
