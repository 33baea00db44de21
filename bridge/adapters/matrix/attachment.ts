import { createCipheriv, createHash, randomBytes } from "node:crypto";

/** How an encrypted file stands in an event: where it is, and what opens it. */
export interface EncryptedFile {
  readonly url: string;
  readonly v: "v2";
  readonly key: {
    readonly kty: "oct";
    readonly alg: "A256CTR";
    readonly ext: true;
    readonly k: string;
    readonly key_ops: readonly string[];
  };
  readonly iv: string;
  readonly hashes: { readonly sha256: string };
}

/** Encrypts a file as Matrix does: each with a key of its own, which travels in the encrypted event. */
export function encryptAttachment(bytes: Uint8Array): { ciphertext: Buffer; file: Omit<EncryptedFile, "url"> } {
  const key = randomBytes(32);
  // The lower half counts blocks from zero.
  const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
  const cipher = createCipheriv("aes-256-ctr", key, iv);
  const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
  const unpadded = (data: Buffer) => data.toString("base64").replace(/=+$/, "");
  return {
    ciphertext,
    file: {
      v: "v2",
      key: { kty: "oct", alg: "A256CTR", ext: true, k: key.toString("base64url"), key_ops: ["encrypt", "decrypt"] },
      iv: unpadded(iv),
      hashes: { sha256: unpadded(createHash("sha256").update(ciphertext).digest()) },
    },
  };
}
