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
