import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { readSealKey } from "./seal-key.ts";

const key = Buffer.alloc(32, 5);

test.each([
  ["base64", `${key.toString("base64")}\n`],
  ["hex", key.toString("hex")],
])("a seal key is read from %s", (_, text) => {
  using directory = tempDirectory();
  const path = join(directory.path, "key");
  writeFileSync(path, text, { mode: 0o600 });
  expect(Buffer.from(readSealKey(path, "rpc.seal_key_file"))).toEqual(key);
});

test("a seal key file that others may read, that is malformed, or that is missing is refused by name", () => {
  using directory = tempDirectory();
  const path = join(directory.path, "key");
  expect(() => readSealKey(path, "rpc.seal_key_file")).toThrow("cannot be read");
  writeFileSync(path, key.toString("base64"), { mode: 0o600 });
  chmodSync(path, 0o640);
  expect(() => readSealKey(path, "rpc.seal_key_file")).toThrow("chmod 600");
  chmodSync(path, 0o600);
  writeFileSync(path, "short");
  expect(() => readSealKey(path, "rpc.seal_key_file")).toThrow("holds no 32 bytes");
});
