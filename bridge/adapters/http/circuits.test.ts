import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../../tests/support/manual-clock.ts";
import { silentLogger } from "../../logging/index.ts";
import { CircuitOpenError, Circuits, type Health } from "./circuits.ts";

const openMs = 30_000;

function world() {
  const clock = new ManualClock();
  const logged: string[] = [];
  const log = (_: object, message: string) => void logged.push(message);
  const logger = { ...silentLogger, warn: log, info: log };
  const circuits = new Circuits({ clock, logger }, { failuresMax: 3, openMs });
  let attempts = 0;
  /** Makes one attempt with this outcome. @returns its outcome, or for how long it was refused */
  const attempt = async (health: Health, to = "a") => {
    try {
      return await circuits.run(
        to,
        async () => {
          attempts += 1;
          if (health === "unknown") throw new Error("the caller left");
          return health;
        },
        () => health,
      );
    } catch (error) {
      return error instanceof CircuitOpenError ? error.retryAfterMs : (error as Error).message;
    }
  };
  return { clock, logged, circuits, attempt, attempts: () => attempts };
}

describe("Circuits", () => {
  test("open after failures in a row, for that destination alone, and admit one attempt after the pause", async () => {
    const { clock, logged, circuits, attempt, attempts } = world();
    for (const health of ["failing", "failing", "healthy", "failing", "failing", "failing"] as const)
      expect(await attempt(health)).toBe(health);
    clock.advance(10_000);
    expect(await attempt("healthy")).toBe(20_000);
    expect(await attempt("healthy", "b")).toBe("healthy");
    expect(circuits.states).toEqual(["open", "closed"]);
    clock.advance(20_000);
    expect(circuits.states).toEqual(["half-open", "closed"]);
    expect(await attempt("failing")).toBe("failing");
    expect(await attempt("healthy")).toBe(openMs);
    clock.advance(openMs);
    expect(await attempt("healthy")).toBe("healthy");
    expect(circuits.states).toContain("closed");
    expect(attempts()).toBe(9);
    expect(logged).toEqual(["The destination failed too often in a row; calls pause", "The destination answers again"]);
  });

  test("refuse other attempts at once while that attempt is in flight", async () => {
    const { clock, circuits, attempt } = world();
    for (const _ of [1, 2, 3]) await attempt("failing");
    clock.advance(openMs);
    const trial = Promise.withResolvers<string>();
    const first = circuits.run(
      "a",
      () => trial.promise,
      () => "healthy",
    );
    expect(await attempt("healthy")).toBe(1_000);
    trial.resolve("back");
    expect(await first).toBe("back");
    expect(await attempt("healthy")).toBe("healthy");
  });

  test("count an abandoned attempt neither as a failure nor as a recovery", async () => {
    const { clock, circuits, attempt } = world();
    for (const health of ["failing", "failing", "unknown"] as const) await attempt(health);
    expect(await attempt("unknown")).toBe("the caller left");
    expect(await attempt("failing")).toBe("failing");
    expect(await attempt("healthy")).toBe(openMs);
    clock.advance(openMs);
    expect(await attempt("unknown")).toBe("the caller left");
    expect(circuits.states).toEqual(["half-open"]);
    expect(await attempt("healthy")).toBe("healthy");
    expect(circuits.states).toEqual(["closed"]);
  });

  test("are bounded in number: the least recently used one is dropped", async () => {
    const { circuits, attempt } = world();
    for (const _ of [1, 2, 3]) await attempt("failing", "kept");
    for (let n = 0; n < 1_500; n++) {
      await attempt("healthy", `host-${n}`);
      if (n % 100 === 0) expect(await attempt("healthy", "kept")).toBe(openMs);
    }
    expect(circuits.states).toHaveLength(1_000);
    expect(circuits.states.filter((state) => state === "open")).toHaveLength(1);
  });
});
