/** The forms in which a server may send a secret back: itself, and the encodings of headers and bodies. */
export function forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((shift) => {
    // In a longer text the secret may begin at three offsets; characters that depend on its neighbours are cut off.
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const isCutShort = (bytes.length + shift) % 3 !== 0;
    return text.slice(Math.ceil((shift * 4) / 3), isCutShort ? -1 : undefined);
  });
  const all = [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString("hex"),
    ...base64,
  ];
  const urlSafe = base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  return [...new Set([...all, ...urlSafe])].filter((form) => form.length >= shortest);
}

/** Shorter forms would match unrelated text. */
const shortest = 6;

/** Replaces each form of the secret with `token`. */
export function scrub(text: string, secretForms: readonly string[], token: string): string {
  return secretForms.reduce((scrubbed, form) => scrubbed.replaceAll(form, token), text);
}
