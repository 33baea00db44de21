import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { EncryptedFile } from "../protocol/encrypted-file.ts";

/** The file is not the one that the event describes. */
export class AttachmentError extends Error {}

const unpadded = (data: Buffer) => data.toString("base64").replace(/={1,2}$/, "");
const digestOf = (ciphertext: Uint8Array) => createHash("sha256").update(ciphertext).digest();

/** Encrypts a file by Matrix's specification: with a key of its own, which the encrypted event carries. */
export function encryptAttachment(bytes: Uint8Array): { ciphertext: Buffer; file: Omit<EncryptedFile, "url"> } {
  const key = randomBytes(32);
  // The lower half counts blocks from zero.
  const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
  const cipher = createCipheriv("aes-256-ctr", key, iv);
  const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return {
    ciphertext,
    file: {
      v: "v2",
      key: { kty: "oct", alg: "A256CTR", ext: true, k: key.toString("base64url"), key_ops: ["encrypt", "decrypt"] },
      iv: unpadded(iv),
      hashes: { sha256: unpadded(digestOf(ciphertext)) },
    },
  };
}

/** @throws AttachmentError when the file differs from the one that the event's author sent */
export function decryptAttachment(ciphertext: Uint8Array, { key, iv, hashes }: EncryptedFile): Buffer {
  if (!digestOf(ciphertext).equals(Buffer.from(hashes.sha256, "base64")))
    throw new AttachmentError("the homeserver returned another file than the one that was sent");
  const [secret, start] = [Buffer.from(key.k, "base64url"), Buffer.from(iv, "base64")];
  if (secret.length !== 32 || start.length !== 16) throw new AttachmentError("the file's key is not well-formed");
  const decipher = createDecipheriv("aes-256-ctr", secret, start);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}
