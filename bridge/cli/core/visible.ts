/**
 * Control, escape and direction-changing characters, which could make a terminal do or show what the text does not
 * say. Surrogates that stand alone are included.
 */
const unsafe = /[\p{Cc}\p{Cf}\u2028\u2029]|\p{Cs}/gu;

/** Escapes text of others for one line of a terminal: characters that are not visible are spelled out. */
export function visible(text: string): string {
  return text.replace(unsafe, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}
