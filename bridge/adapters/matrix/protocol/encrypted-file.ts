import * as z from "zod";

/** How an event refers to an encrypted file: its address, key and hash. */
export const EncryptedFile = z.object({
  url: z.string(),
  v: z.literal("v2"),
  key: z.object({
    kty: z.literal("oct"),
    alg: z.literal("A256CTR"),
    ext: z.literal(true),
    k: z.string(),
    key_ops: z.array(z.string()),
  }),
  iv: z.string(),
  hashes: z.object({ sha256: z.string() }),
});
export type EncryptedFile = z.output<typeof EncryptedFile>;
