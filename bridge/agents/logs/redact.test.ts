import { expect, test } from "@jest/globals";
import { redact } from "./redact.ts";

const token = `eyJhbGciOiJIUzI1NiJ9.${"eyJzdWIiOiJhIn0".repeat(2)}.c2lnbmF0dXJl-_`;

test.each([
  ["a token", `got ${token}, and goes on`, "got [redacted], and goes on"],
  ["a token behind another word", `jwt-${token}`, "jwt-[redacted]"],
  ["what only begins like a token", "eyJub3QgYSB0b2tlbg is base64", "eyJub3QgYSB0b2tlbg is base64"],
  ["a quoted value with spaces", 'password: "two words" and more', "password: [redacted] and more"],
  ["a quoted value that does not end", 'secret="two words', "secret=[redacted]"],
  ["a bare value", "api_key=abc; next", "api_key=[redacted]; next"],
])("redact() replaces the secret in %s", (_, line, expected) => {
  expect(redact(line)).toBe(expected);
});

test.each([
  ["beginnings of tokens", "-eyJaaaaaaaaaa"],
  ["beginnings of quoted values", '-apikey:"a'],
  ["beginnings of private keys", "-----BEGIN A "],
  ["spaces behind a field", "password      "],
  ["words of an authorization", "Bearer  "],
])("redact() takes linear time for %s", (_, piece) => {
  const timeOf = (length: number) => {
    const line = piece.repeat(length / piece.length);
    const once = () => {
      const begun = performance.now();
      redact(line);
      return performance.now() - begun;
    };
    return Math.min(...Array.from({ length: 15 }, once));
  };
  timeOf(16_000);
  // Four times the text: quadratic time would be sixteen times as much.
  expect(timeOf(64_000) / Math.max(timeOf(16_000), 0.1)).toBeLessThan(9);
});
