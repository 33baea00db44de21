import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";

/** Format 1: version, algorithm, nonce, ciphertext, tag. Known-answer vectors stand in docs/internals/keystore-format.md. */
const version = 1;
const aes256Gcm = 1;
const headerBytes = 2;
const nonceBytes = 12;
const tagBytes = 16;
export const keyBytes = 32;

/** Encodes fields so that no other list of fields has the same bytes: each follows its length, and null differs from the empty text. */
export function associated(...fields: readonly (string | number | null)[]): Buffer {
  return Buffer.concat(
    fields.flatMap((field) => {
      if (field === null) return [Buffer.from([0])];
      const text = Buffer.from(String(field));
      const head = Buffer.alloc(5, 1);
      head.writeUInt32BE(text.length, 1);
      return [head, text];
    }),
  );
}

/** Seals `plaintext`. The result opens only with the same key and the same associated data. */
export function seal(key: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, nonce = randomBytes(nonceBytes)): Buffer {
  const header = Buffer.from([version, aes256Gcm]);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.concat([header, aad]));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([header, nonce, ciphertext, cipher.getAuthTag()]);
}

/** @throws BridgeError KEYSTORE_DAMAGED when a byte of the envelope, of the key or of the associated data differs */
export function open(key: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer {
  if (sealed.length < headerBytes + nonceBytes + tagBytes || sealed[0] !== version || sealed[1] !== aes256Gcm)
    throw new BridgeError("KEYSTORE_DAMAGED", "A sealed record is not of a format that this bridge knows");
  const header = sealed.subarray(0, headerBytes);
  const nonce = sealed.subarray(headerBytes, headerBytes + nonceBytes);
  const ciphertext = sealed.subarray(headerBytes + nonceBytes, -tagBytes);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.concat([header, aad]));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch (error) {
    throw new BridgeError("KEYSTORE_DAMAGED", undefined, undefined, { cause: error });
  }
}
