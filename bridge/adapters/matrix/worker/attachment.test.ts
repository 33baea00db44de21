import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { decryptAttachment, encryptAttachment } from "./attachment.ts";

const url = "mxc://x/1";

test.each([0, 1, 100_000])("a file of %d bytes is decrypted to the same bytes", (size) => {
  const bytes = randomBytes(size);
  const { ciphertext, file } = encryptAttachment(bytes);
  expect(decryptAttachment(ciphertext, { url, ...file }).equals(bytes)).toBe(true);
});

test("a file that was changed in transit is refused, and so is a malformed key", () => {
  const { ciphertext, file } = encryptAttachment(Buffer.from("hello"));
  const changed = Buffer.from(ciphertext);
  changed[0] = (changed[0] ?? 0) ^ 1;
  expect(() => decryptAttachment(changed, { url, ...file })).toThrow(/another file/);
  const short = { ...file, key: { ...file.key, k: "AAAA" } };
  expect(() => decryptAttachment(ciphertext, { url, ...short })).toThrow(/not well-formed/);
});
