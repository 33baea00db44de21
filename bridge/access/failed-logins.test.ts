import { expect, test } from "@jest/globals";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { FailedLogins } from "./failed-logins.ts";

test("the first failed log-in is published at once, later ones together, and each is recorded", () => {
  const clock = new ManualClock();
  const published: unknown[] = [];
  const recorded: string[] = [];
  const logins = new FailedLogins({
    clock,
    publish: (data) => published.push(data),
    record: (address) => recorded.push(address),
  });
  for (const address of ["10.0.0.1", "10.0.0.1", "10.0.0.2"]) logins.count(address);
  expect(published).toEqual([{ count: 1, address: "10.0.0.1" }]);
  clock.advance(60_000);
  expect(published.slice(1)).toEqual([{ count: 2, address: "10.0.0.2" }]);
  clock.advance(60_000);
  expect(published.length).toBe(2);
  expect([logins.total, recorded.length]).toEqual([3, 3]);
});
