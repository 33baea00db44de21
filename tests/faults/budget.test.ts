import { expect, test } from "@jest/globals";
import { race } from "../support/budget/budget-race.ts";

test("workers that share one dollar and are killed between reserve and settle never spend more than a dollar", async () => {
  const figures = await race({ runs: 1, workers: 64, reservationsEach: 600, kills: 2 });
  expect(figures).toMatchObject({ overshoot_nano_usd: 0, leaked: 0, counters_wrong: 0 });
  expect(figures.leaked_and_reclaimed).toBeGreaterThan(0);
  expect(figures.most_nano_usd).toBeGreaterThan(990_000_000);
}, 90_000);
