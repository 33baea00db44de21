import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../../tests/support/manual-clock.ts";
import { silentLogger } from "../../logging/index.ts";
import { CircuitOpenError, Circuits, type Health } from "./circuits.ts";

const openMs = 30_000;

function world() {
  const clock = new ManualClock();
  const told: string[] = [];
  const tell = (_: object, message: string) => void told.push(message);
  const logger = { ...silentLogger, warn: tell, info: tell };
  const circuits = new Circuits({ clock, logger }, { failuresMax: 3, openMs });
  let attempts = 0;
  /** One attempt that ends so. @returns how it ended, or for how long it was refused */
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
  return { clock, told, circuits, attempt, attempts: () => attempts };
}

describe("Circuits", () => {
  test("open after failures in a row, for that destination alone, and let one attempt through after the pause", async () => {
    const { clock, told, circuits, attempt, attempts } = world();
    for (const health of ["ill", "ill", "well", "ill", "ill", "ill"] as const)
      expect(await attempt(health)).toBe(health);
    clock.advance(10_000);
    expect(await attempt("well")).toBe(20_000);
    expect(await attempt("well", "b")).toBe("well");
    expect(circuits.states).toEqual(["open", "closed"]);
    clock.advance(20_000);
    expect(circuits.states).toEqual(["half-open", "closed"]);
    expect(await attempt("ill")).toBe("ill");
    expect(await attempt("well")).toBe(openMs);
    clock.advance(openMs);
    expect(await attempt("well")).toBe("well");
    expect(circuits.states).toContain("closed");
    expect(attempts()).toBe(9);
    expect(told).toEqual(["failed too often in a row, is left alone", "answers again"]);
  });

  test("refuse at once what comes while the one attempt is under way", async () => {
    const { clock, circuits, attempt } = world();
    for (const _ of [1, 2, 3]) await attempt("ill");
    clock.advance(openMs);
    const trial = Promise.withResolvers<string>();
    const first = circuits.run(
      "a",
      () => trial.promise,
      () => "well",
    );
    expect(await attempt("well")).toBe(1_000);
    trial.resolve("back");
    expect(await first).toBe("back");
    expect(await attempt("well")).toBe("well");
  });

  test("count an attempt that shows nothing neither for nor against, but not as the other side's return", async () => {
    const { clock, attempt } = world();
    for (const health of ["ill", "ill", "unknown"] as const) await attempt(health);
    expect(await attempt("unknown")).toBe("the caller left");
    expect(await attempt("ill")).toBe("ill");
    expect(await attempt("well")).toBe(openMs);
    clock.advance(openMs);
    expect(await attempt("unknown")).toBe("the caller left");
    expect(await attempt("well")).toBe(openMs);
  });

  test("are bounded in number: the one that was used least recently is forgotten", async () => {
    const { circuits, attempt } = world();
    for (const _ of [1, 2, 3]) await attempt("ill", "kept");
    for (let n = 0; n < 1_500; n++) {
      await attempt("well", `host-${n}`);
      if (n % 100 === 0) expect(await attempt("well", "kept")).toBe(openMs);
    }
    expect(circuits.states).toHaveLength(1_000);
    expect(circuits.states.filter((state) => state === "open")).toHaveLength(1);
  });
});
