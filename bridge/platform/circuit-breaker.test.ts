import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";

const openMs = 30_000;

function breaker() {
  const clock = new ManualClock();
  const changes: string[] = [];
  const circuit = new CircuitBreaker(clock, { failuresMax: 3, openMs }, (state, reason) =>
    changes.push(`${state}: ${reason}`),
  );
  const fail = () => {
    for (let n = 0; n < 3; n++) circuit.failed("503");
  };
  return { clock, changes, circuit, fail };
}

describe("CircuitBreaker", () => {
  test("opens after failures in a row, and a success in between starts the count again", () => {
    const { circuit, fail } = breaker();
    circuit.failed("503");
    circuit.failed("503");
    circuit.succeeded();
    circuit.failed("503");
    expect(circuit.state).toBe("closed");
    expect(circuit.enter()).toBeUndefined();
    fail();
    expect(circuit.state).toBe("open");
  });

  test("returns the time that is left while it is open", () => {
    const { clock, circuit, fail } = breaker();
    fail();
    clock.advance(10_000);
    expect(circuit.enter()).toBe(20_000);
  });

  test("admits one attempt after the pause and refuses the others meanwhile", () => {
    const { clock, circuit, fail } = breaker();
    fail();
    clock.advance(openMs);
    expect(circuit.state).toBe("half-open");
    expect(circuit.enter()).toBeUndefined();
    expect(circuit.enter()).toBe(1_000);
  });

  test("stays open for another pause when the attempt fails", () => {
    const { clock, circuit, fail } = breaker();
    fail();
    clock.advance(openMs);
    circuit.enter();
    circuit.failed("503");
    expect(circuit.enter()).toBe(openMs);
  });

  test("neither opens nor closes because of an abandoned attempt, and admits the next", () => {
    const { clock, circuit, fail } = breaker();
    fail();
    clock.advance(openMs);
    circuit.enter();
    circuit.abandoned();
    expect(circuit.state).toBe("half-open");
    expect(circuit.enter()).toBeUndefined();
  });

  test("reports each change once", () => {
    const { clock, changes, circuit, fail } = breaker();
    fail();
    fail();
    clock.advance(openMs);
    circuit.enter();
    circuit.succeeded();
    circuit.succeeded();
    expect(changes).toEqual(["open: 503", "closed: It answers again"]);
  });
});
