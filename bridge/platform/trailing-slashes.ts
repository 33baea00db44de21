const slash = 0x2f;

/** A URL or path without the slashes at its end. The expression for them would try each slash inside the text as their start. */
export function withoutTrailingSlashes(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === slash) end -= 1;
  return text.slice(0, end);
}
