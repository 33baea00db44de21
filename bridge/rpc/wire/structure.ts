/** Limits for the structure of a JSON text. */
export interface StructureBounds {
  readonly depthMax: number;
  /** In one object. */
  readonly keysMax: number;
  /** In all objects together. */
  readonly keysTotalMax: number;
  readonly elementsMax: number;
  readonly containersMax: number;
}

/** Shorter texts cannot exceed the limits on keys and elements. */
const longText = 64 * 1024;

/**
 * Checks a JSON text's shape before it is parsed, because parsing is what costs the memory.
 * @returns what is out of bounds, as a sentence, or undefined. A text that is no JSON may pass.
 */
export function structureFault(text: string, bounds: StructureBounds): string | undefined {
  if (text.length <= 2 * bounds.depthMax) return undefined;
  if (text.length <= longText && !hasMoreOpenersThan(text, bounds.depthMax)) return undefined;
  return scan(text, bounds);
}

function hasMoreOpenersThan(text: string, count: number): boolean {
  let found = 0;
  for (const opener of ["[", "{"]) {
    for (let at = text.indexOf(opener); at !== -1; at = text.indexOf(opener, at + 1)) {
      found += 1;
      if (found > count) return true;
    }
  }
  return false;
}

function scan(text: string, bounds: StructureBounds): string | undefined {
  const commas: number[] = [];
  const maxima: number[] = [];
  let containers = 0;
  let keys = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        containers += 1;
        if (commas.length >= bounds.depthMax) return `The value is nested deeper than ${bounds.depthMax} levels`;
        if (containers > bounds.containersMax) return `The line holds more than ${bounds.containersMax} containers`;
        commas.push(0);
        maxima.push(text.charCodeAt(at) === 0x7b ? bounds.keysMax : bounds.elementsMax);
        break;
      case 0x5d: // ]
      case 0x7d: // }
        commas.pop();
        maxima.pop();
        break;
      case 0x3a: // :
        keys += 1;
        if (keys > bounds.keysTotalMax) return `The line holds more than ${bounds.keysTotalMax} keys`;
        break;
      case 0x2c: {
        const top = commas.length - 1;
        const count = (commas[top] ?? 0) + 1;
        if (count >= (maxima[top] ?? Number.POSITIVE_INFINITY))
          return `An object or array has more than ${count} members`;
        if (top >= 0) commas[top] = count;
        break;
      }
    }
  }
  return undefined;
}

/** The index of the quote that ends the string that begins at `start`; the text's end when there is none. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}
