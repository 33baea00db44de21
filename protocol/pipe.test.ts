import { describe, expect, test } from "@jest/globals";
import { isPipePath, pipeTokenFile } from "./pipe.ts";

describe("isPipePath()", () => {
  test.each(["\\\\.\\pipe\\armorclaw", "\\\\?\\pipe\\x", "//./pipe/x", "\\\\.\\PIPE\\x"])(
    "accepts %s as a pipe",
    (path) => {
      expect(isPipePath(path)).toBe(true);
    },
  );

  test.each(["/run/armorclaw/bridge.sock", "C:\\pipe\\x", "\\\\server\\pipe\\x", "\\\\.\\pipes\\x", "pipe", ""])(
    "does not accept %s as a pipe",
    (path) => {
      expect(isPipePath(path)).toBe(false);
    },
  );
});

describe("pipeTokenFile()", () => {
  test("is one file per pipe, however the pipe is written", () => {
    const file = "AppData/Local/ArmorClaw/pipes/armorclaw-0123.token";
    expect(pipeTokenFile("\\\\.\\pipe\\armorclaw-0123")).toBe(file);
    expect(pipeTokenFile("\\\\.\\PIPE\\ArmorClaw-0123")).toBe(file);
    expect(pipeTokenFile("//./pipe/armorclaw-0123")).toBe(file);
  });

  test("is always in the token directory, whatever the pipe's name", () => {
    expect(pipeTokenFile("\\\\.\\pipe\\..\\..\\x:y")).toBe("AppData/Local/ArmorClaw/pipes/______x_y.token");
  });
});
