import { existsSync, lstatSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pipeTokenFile } from "@armorclaw/protocol/pipe";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { othersMayReach } from "./file-mode.ts";
import { claimPipe } from "./pipe-claim.ts";

const pipe = "\\\\.\\pipe\\armorclaw-test";

test("a claim writes its token readable by its owner alone, and removes it when released", () => {
  using home = tempDirectory();
  const file = join(home.path, pipeTokenFile(pipe));
  const claim = claimPipe(pipe, home.path);
  expect(readFileSync(file, "utf8")).toBe(claim.token);
  expect(Buffer.from(claim.token, "base64url")).toHaveLength(32);
  expect(lstatSync(file).mode & 0o777).toBe(0o600);
  expect(lstatSync(dirname(file)).mode & 0o777).toBe(0o700);
  claim.release();
  claim.release();
  expect(existsSync(file)).toBe(false);
});

test("each claim has a new token, also when an earlier one was never released", () => {
  using home = tempDirectory();
  const first = claimPipe(pipe, home.path);
  const second = claimPipe(pipe, home.path);
  expect(second.token).not.toBe(first.token);
  expect(readFileSync(join(home.path, pipeTokenFile(pipe)), "utf8")).toBe(second.token);
  first.release();
  second.release();
});

test("a mode shows who may open a file, except on Windows", () => {
  expect(othersMayReach({ mode: 0o100600 }, "linux")).toBe(false);
  expect(othersMayReach({ mode: 0o100640 }, "linux")).toBe(true);
  expect(othersMayReach({ mode: 0o100666 }, "win32")).toBe(false);
});
