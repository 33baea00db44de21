import { statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../../../../tests/support/temp.ts";
import { endpointSecret } from "./endpoint-secret.ts";
import { PhantomKeys } from "./phantom-keys.ts";

test("an agent's key is the same for the next bridge, and its owner's alone", () => {
  using directory = tempDirectory();
  const before = new PhantomKeys(endpointSecret(directory.path)).of("mail-1", 3);
  const next = new PhantomKeys(endpointSecret(directory.path));
  expect(next.matches("mail-1", 3, before)).toBe(true);
  expect([
    next.matches("mail-1", 4, before),
    next.matches("notes-1", 3, before),
    next.matches("mail-1", 3, ""),
  ]).toEqual([false, false, false]);
  expect(statSync(join(directory.path, "model-endpoint.key")).mode & 0o777).toBe(0o600);
});

test("a file that was cut is made again, and a link is not followed", () => {
  using directory = tempDirectory();
  const path = join(directory.path, "model-endpoint.key");
  const first = endpointSecret(directory.path);
  truncateSync(path, 5);
  const second = endpointSecret(directory.path);
  expect(second.equals(first)).toBe(false);
  expect(endpointSecret(directory.path).equals(second)).toBe(true);
  using other = tempDirectory();
  writeFileSync(join(other.path, "target"), "x".repeat(32));
  symlinkSync(join(other.path, "target"), join(other.path, "model-endpoint.key"));
  expect(() => endpointSecret(other.path)).toThrow("ELOOP");
});
