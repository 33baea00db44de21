/** What a server may send back of a secret: as it is, and as the encodings that headers and bodies use. */
export function forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((shift) => {
    // In a longer text the secret may begin at any of three places; what its neighbours decide is left away.
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

/** Shorter pieces would be found everywhere. */
const shortest = 6;

/** Puts `token` back wherever the secret stands. */
export function scrub(text: string, secretForms: readonly string[], token: string): string {
  return secretForms.reduce((scrubbed, form) => scrubbed.replaceAll(form, token), text);
}
