import { readFileSync } from "node:fs";
import { Secret } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { associated, open, seal } from "../../bridge/keystore/envelope.ts";
import { deriveUnlockKey } from "../../bridge/keystore/unlock-key.ts";

const text = readFileSync(new URL("../../docs/internals/keystore-format.md", import.meta.url), "utf8");
const rows = [...text.matchAll(/^\| `(.+?)` \| `(.+?)` \| `([0-9a-f]+)` \|$/gm)].map(
  ([, a = "", b = "", c = ""]) => [a, b, c] as const,
);

test("the code gives the known answers in docs/internals/keystore-format.md", async () => {
  const key = Buffer.alloc(32, 7);
  const nonce = Buffer.from("000102030405060708090a0b", "hex");
  const envelopes = rows.filter(([fields]) => fields.startsWith("["));
  expect(envelopes.length).toBe(3);
  for (const [fields, plaintext, hex] of envelopes) {
    const aad = associated(...(JSON.parse(fields) as string[]));
    const plain = Buffer.from(JSON.parse(plaintext) as string);
    expect(seal(key, aad, plain, nonce).toString("hex")).toBe(hex);
    expect(open(key, aad, Buffer.from(hex, "hex"))).toEqual(plain);
  }
  const passphrases = rows.filter(([fields]) => !fields.startsWith("["));
  expect(passphrases.length).toBe(1);
  for (const [passphrase, salt, hex] of passphrases) {
    const parameters = { salt: Buffer.from(salt, "hex").toString("base64"), memoryKib: 65_536, passes: 3 };
    expect((await deriveUnlockKey("passphrase", Secret.fromText(passphrase), parameters)).toString("hex")).toBe(hex);
  }
});
