import { ConnectionError } from "@armorclaw/client-sdk";
import { describe, expect, test } from "@jest/globals";
import { until } from "../tests/support/wire/line-server.ts";
import { runLoop } from "./host.ts";
import type { Loop, LoopContext } from "./loops/loop.ts";

interface Running {
  readonly done: Promise<void>;
  readonly reports: string[];
  readonly abort: AbortController;
}

function run(loop: Loop, options: { scheduleMs?: number; connected?: () => boolean } = {}): Running {
  const { scheduleMs = 5, connected = () => true } = options;
  const abort = new AbortController();
  const reports: string[] = [];
  const context: LoopContext = {
    agentId: "test-1",
    mediaSocketPath: "/run/bridge/media.sock",
    scheduleMs,
    signal: abort.signal,
    call: () => Promise.reject(new Error("not expected")),
    chat: () => Promise.reject(new Error("not expected")),
    publish: () => Promise.resolve(),
    send: () => Promise.reject(new Error("not expected")),
    subscribe: () => {
      throw new Error("not expected");
    },
    log: () => {},
  };
  const report = async (activity: string, message?: string) => {
    reports.push(message === undefined ? activity : `${activity}: ${message}`);
  };
  return { done: runLoop({ loop, context, connected, report }), reports, abort };
}

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("runLoop", () => {
  test("starts, ticks on schedule and stops", async () => {
    const calls: string[] = [];
    const said = (what: string) => async () => {
      calls.push(what);
    };
    const { done, reports, abort } = run({ start: said("start"), tick: said("tick"), stop: said("stop") });
    await until(() => calls.length >= 4, "three ticks");
    abort.abort();
    await done;
    expect(calls.slice(0, 2)).toEqual(["start", "tick"]);
    expect(calls.at(-1)).toBe("stop");
    expect(reports).toEqual(["active"]);
  });

  test("never runs two ticks at once, and reports busy only when a tick takes long", async () => {
    let running = 0;
    let most = 0;
    let ticks = 0;
    const tick = async () => {
      most = Math.max(most, ++running);
      await after(ticks++ === 0 ? 300 : 0);
      running -= 1;
    };
    const { done, reports, abort } = run({ tick }, { scheduleMs: 1 });
    await until(() => ticks >= 3, "three ticks");
    abort.abort();
    await done;
    expect(most).toBe(1);
    expect(reports).toEqual(["active", "busy", "active"]);
  });

  test("reports a tick that throws, and goes on", async () => {
    let ticks = 0;
    const tick = async () => {
      if (++ticks <= 2) throw new Error("no luck");
    };
    const { done, reports, abort } = run({ tick });
    await until(() => ticks >= 4, "four ticks");
    abort.abort();
    await done;
    expect(reports).toEqual(["active", "error: Failure 1 of 5: no luck", "error: Failure 2 of 5: no luck", "active"]);
  });

  test("ends with the last failure after five in a row", async () => {
    let ticks = 0;
    const { done, reports } = run({ tick: () => Promise.reject(new Error(`failure ${++ticks}`)) });
    await expect(done).rejects.toThrow("failure 5");
    expect(reports).toHaveLength(6);
  });

  test("does not count a lost connection as a failure, and pauses until the bridge is back", async () => {
    let there = true;
    let ticks = 0;
    const tick = async () => {
      if (++ticks > 1) return;
      there = false;
      throw new ConnectionError("CLOSED", "lost");
    };
    const { done, reports, abort } = run({ tick }, { connected: () => there });
    await after(50);
    expect(ticks).toBe(1);
    there = true;
    await until(() => ticks >= 2, "a second tick");
    abort.abort();
    await done;
    expect(reports).toEqual(["active"]);
  });
});
