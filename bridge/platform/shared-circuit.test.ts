import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { SharedCircuit } from "./shared-circuit.ts";

const openMs = 30_000;

function circuit() {
  const clock = new ManualClock();
  const changes: string[] = [];
  const shared = new SharedCircuit(clock, { failuresMax: 3, openMs }, (state, reason) =>
    changes.push(`${state}: ${reason}`),
  );
  const fail = (caller: string, times = 3) => {
    for (let n = 0; n < times; n++) shared.failed(caller, "503");
  };
  return { clock, changes, shared, fail };
}

describe("SharedCircuit", () => {
  test("stops the one caller that fails while another is served, and says nothing of the destination", () => {
    const { changes, shared, fail } = circuit();
    shared.succeeded("b");
    fail("a", 10);
    expect([shared.enter("a"), shared.enter("b"), shared.enter("c"), shared.state]).toEqual([
      openMs,
      undefined,
      undefined,
      "closed",
    ]);
    expect(changes).toEqual([]);
  });

  test("opens for a caller that is alone, and another one's success closes it at once", () => {
    const { changes, shared, fail } = circuit();
    fail("a");
    expect([shared.state, shared.enter("a"), shared.enter("b")]).toEqual(["open", openMs, undefined]);
    shared.succeeded("b");
    expect([shared.state, shared.enter("a"), shared.enter("b")]).toEqual(["closed", openMs, undefined]);
    expect(changes).toEqual(["open: 503", "closed: It answers again"]);
  });

  test("opens for everybody when a second caller fails, too", () => {
    const { shared, fail } = circuit();
    fail("a");
    expect(shared.enter("b")).toBeUndefined();
    fail("b", 1);
    expect([shared.enter("b"), shared.enter("c")]).toEqual([openMs, openMs]);
  });

  test("opens by the failures of several callers in a row, of which none reached the limit", () => {
    const { shared, fail } = circuit();
    for (const caller of ["a", "b", "c"]) fail(caller, 1);
    expect([shared.state, shared.enter("d")]).toEqual(["open", openMs]);
  });

  test("admits one attempt after the pause, and closes when it succeeds", () => {
    const { clock, changes, shared, fail } = circuit();
    fail("a");
    fail("b");
    clock.advance(openMs);
    expect([shared.enter("a"), shared.enter("b")]).toEqual([undefined, 1_000]);
    shared.succeeded("a");
    expect([shared.state, shared.enter("b")]).toEqual(["closed", undefined]);
    expect(changes).toEqual(["open: 503", "closed: It answers again"]);
  });

  test("an attempt whose caller left neither opens nor closes it", () => {
    const { clock, shared, fail } = circuit();
    fail("a");
    fail("b");
    clock.advance(openMs);
    expect(shared.enter("a")).toBeUndefined();
    shared.abandoned("a");
    expect(shared.enter("b")).toBeUndefined();
  });
});
