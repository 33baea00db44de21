import { describe, expect, test } from "@jest/globals";
import { explainExit, type RawExit } from "./exit-info.ts";

describe("explainExit", () => {
  const cases: [string, RawExit, object][] = [
    ["zero is a finished agent", { code: 0 }, { code: 0, signal: null, reason: "completed" }],
    ["an exit code is the agent's error", { code: 7 }, { code: 7, signal: null, reason: "error" }],
    ["127 is a container that could not start", { code: 127 }, { code: 127, reason: "could-not-start" }],
    ["an abort is a crash", { code: 134 }, { code: 134, signal: "SIGABRT", reason: "error" }],
    ["a fault is a crash", { code: 139 }, { code: 139, signal: "SIGSEGV", reason: "error" }],
    ["137 with a kernel kill is want of memory", { code: 137, oomKilled: true }, { signal: "SIGKILL", reason: "oom" }],
    ["137 alone is a kill", { code: 137, oomKilled: false }, { signal: "SIGKILL", reason: "killed" }],
    ["a signal counts like its code", { code: null, signal: "SIGKILL" }, { code: 137, reason: "killed" }],
    ["143 is a request to stop", { code: 143 }, { signal: "SIGTERM", reason: "signal" }],
    ["a clean end after a child's want of memory is clean", { code: 0, oomKilled: true }, { reason: "completed" }],
    ["nothing known is unknown", { code: null }, { code: null, signal: null, reason: "unknown" }],
    ["the engine's own reason comes first", { code: 1, startFailure: "no such file" }, { reason: "could-not-start" }],
  ];
  test.each(cases)("%s", (_, raw, expected) => {
    const info = explainExit(raw);
    expect(info).toMatchObject(expected);
    expect(info.message).not.toBe("");
  });
});
