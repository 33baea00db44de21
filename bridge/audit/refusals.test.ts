import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { Refusals, type Refused } from "./refusals.ts";

const tenMinutes = 600_000;

function open() {
  const clock = new ManualClock();
  const written: Refused[] = [];
  const state = { canWrite: true, lost: 0 };
  const refusals = new Refusals(
    clock,
    (refused) => state.canWrite && written.push(refused) > 0,
    (calls) => {
      state.lost += calls;
    },
  );
  const sum = () => written.reduce((calls, one) => calls + one.calls, 0);
  return { clock, written, state, refusals, sum };
}

describe("a flood of refused calls", () => {
  test("of one method makes two records a window, which count every call", () => {
    const { clock, written, refusals } = open();
    for (let call = 0; call < 10_000; call++) refusals.count("agent:a-1", "keystore.get", `c-${call}`);
    expect(written).toEqual([{ principal: "agent:a-1", method: "keystore.get", correlationId: "c-0", calls: 1 }]);
    clock.advance(tenMinutes);
    expect(written[1]).toMatchObject({ method: "keystore.get", calls: 9_999 });
    clock.advance(10 * tenMinutes);
    expect(written).toHaveLength(2);
    refusals.count("agent:a-1", "keystore.get", "later");
    expect(written[2]).toMatchObject({ correlationId: "later", calls: 1 });
  });

  test("over very many methods is bounded, too", () => {
    const { clock, written, refusals, sum } = open();
    for (let call = 0; call < 1_000; call++) refusals.count("agent:a-1", `m.${call % 200}`, "");
    clock.advance(tenMinutes);
    expect(written).toHaveLength(33);
    expect(written.at(-1)).toMatchObject({ method: "*", calls: 1_000 - 16 * 5 });
    expect(sum()).toBe(1_000);
  });

  test("by too many principals to distinguish is recorded as a count of lost calls", () => {
    const { clock, refusals, state, sum } = open();
    for (let user = 0; user < 300; user++) refusals.count(`user:${user}`, "keystore.get", "");
    clock.advance(tenMinutes);
    expect([sum(), state.lost]).toEqual([256, 44]);
  });
});

test("refusals that cannot be written at once are written by the end of the window, or counted as lost", () => {
  const { clock, written, refusals, state } = open();
  state.canWrite = false;
  for (let call = 0; call < 5; call++) refusals.count("user:1", "a.b", "");
  state.canWrite = true;
  clock.advance(tenMinutes);
  expect(written).toEqual([{ principal: "user:1", method: "a.b", correlationId: "", calls: 5 }]);
  state.canWrite = false;
  refusals.count("user:1", "a.b", "");
  refusals.close();
  expect(state.lost).toBe(1);
});
