import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { RunawayGuard, type RunawayLimits } from "./runaway-guard.ts";

const open: RunawayLimits = {
  callsPerMinuteMax: 1_000,
  identicalCallsMax: 1_000,
  callsWithoutProgressMax: 1_000,
  runMsMax: 3_600_000,
  idleGate: false,
  turnMs: 600_000,
  turnCallsMax: 50,
};

function world(settings: Partial<RunawayLimits>) {
  const clock = new ManualClock();
  const guard = new RunawayGuard(clock);
  let number = 0;
  const call = (facts: { request?: string; run?: string; state?: string } = {}): string => {
    try {
      guard.admit(
        { agent: "mail-1", run: "mail-1.1", request: `call ${++number}`, ...facts },
        { ...open, ...settings },
      );
      return "through";
    } catch (error) {
      const { code, details } = error as { code: string; details?: { limit?: string } };
      return details?.limit ?? code;
    }
  };
  return { clock, guard, call };
}

describe("RunawayGuard", () => {
  test("admits the configured number of calls a minute", () => {
    const { clock, call } = world({ callsPerMinuteMax: 2 });
    expect([call(), call(), call()]).toEqual(["through", "through", "calls_per_minute"]);
    clock.advance(60_000);
    expect(call()).toBe("through");
  });

  test("refuses a call that is repeated, until a new run", () => {
    const { call } = world({ identicalCallsMax: 2 });
    const same = { request: "same" };
    expect([call(same), call(), call(same), call(same)]).toEqual(["through", "through", "through", "identical_calls"]);
    expect(call({ ...same, run: "mail-1.2" })).toBe("through");
  });

  test("refuses an agent that only calls models, until it does something else", () => {
    const { guard, call } = world({ callsWithoutProgressMax: 2 });
    expect([call(), call(), call()]).toEqual(["through", "through", "no_progress"]);
    guard.progressed("mail-1");
    expect(call()).toBe("through");
  });

  test("refuses a run that is too old", () => {
    const { clock, call } = world({ runMsMax: 1_000 });
    expect(call()).toBe("through");
    clock.advance(1_000);
    expect(call()).toBe("run_time");
    expect(call({ run: "mail-1.2" })).toBe("through");
  });

  test("the idle gate opens for one turn when an input is new", () => {
    const { clock, guard, call } = world({ idleGate: true, turnCallsMax: 2 });
    expect(call()).toBe("NO_NEW_INPUT");
    guard.changed("mail-1");
    expect([call(), call(), call()]).toEqual(["through", "through", "NO_NEW_INPUT"]);
    guard.changed("mail-1");
    expect(call()).toBe("through");
    clock.advance(600_000);
    expect(call()).toBe("NO_NEW_INPUT");
  });

  test("the idle gate opens for a new state, and not for a known one", () => {
    const { clock, call } = world({ idleGate: true });
    expect(call({ state: "3 mails" })).toBe("through");
    clock.advance(600_000);
    expect(call({ state: "3 mails" })).toBe("NO_NEW_INPUT");
    expect(call({ state: "4 mails" })).toBe("through");
    clock.advance(600_000);
    expect(call({ state: "4 mails", run: "mail-1.2" })).toBe("NO_NEW_INPUT");
  });
});
