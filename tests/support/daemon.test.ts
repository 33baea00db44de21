import { describe, expect, test } from "@jest/globals";
import { startTestDaemon } from "./daemon.ts";

describe("startTestDaemon()", () => {
  // The test's own deadline is well below the deadline of a bridge's start.
  test("does not wait for a bridge that has ended, and quotes its output", async () => {
    const wrong = startTestDaemon({ engine: "process", flags: ["--set", "no.such_key=1"] });
    await expect(wrong).rejects.toThrow(/did not serve and ended with 10; it said: .*no\.such_key/s);
  }, 30_000);
});
