import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { decryptAttachment, encryptAttachment } from "./attachment.ts";

const url = "mxc://x/1";

test.each([0, 1, 100_000])("a file of %d bytes comes back as it was", (size) => {
  const bytes = randomBytes(size);
  const { ciphertext, file } = encryptAttachment(bytes);
  expect(decryptAttachment(ciphertext, { url, ...file }).equals(bytes)).toBe(true);
});

test("a file that was changed on the way is refused, and so is a key that is none", () => {
  const { ciphertext, file } = encryptAttachment(Buffer.from("hello"));
  const changed = Buffer.from(ciphertext);
  changed[0] = (changed[0] ?? 0) ^ 1;
  expect(() => decryptAttachment(changed, { url, ...file })).toThrow(/another file/);
  const short = { ...file, key: { ...file.key, k: "AAAA" } };
  expect(() => decryptAttachment(ciphertext, { url, ...short })).toThrow(/not well-formed/);
});
