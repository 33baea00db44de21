const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const quote = 0x22;
const backslash = 0x5c;

/**
 * Puts one JSON text on one line. Line breaks between its tokens become spaces. One within a string is invalid in JSON and becomes a
 * NUL, which is invalid too, so that the text stays one invalid message.
 */
export function onOneLine(message: Buffer): Buffer {
  if (!message.includes(newline)) return message;
  const line = Buffer.from(message);
  let isInString = false;
  for (let at = 0; at < line.length; at += 1) {
    const byte = line[at];
    if (byte === quote) isInString = !isInString;
    else if (byte === backslash && isInString && line[at + 1] !== newline) at += 1;
    else if (byte === newline || byte === carriageReturn) line[at] = isInString ? 0 : space;
  }
  return line;
}
