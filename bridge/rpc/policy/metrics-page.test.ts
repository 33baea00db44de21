import { expect, test } from "@jest/globals";
import { CallMetrics } from "./call-metrics.ts";
import { metricsPage } from "./metrics-page.ts";

test("a page has no value that was not measured yet", async () => {
  const stats = { connections: 0, accepted: 0, refused: 0, evicted: 0, cut: 0, slowConsumers: 0, invalid: 0 };
  const sources = { calls: new CallMetrics(), stats: () => stats, rateLimited: () => 0 };
  const read = metricsPage(sources as unknown as Parameters<typeof metricsPage>[0]);
  // The second page comes before anything was measured again.
  for (const page of [await read(), await read()]) {
    const lags = page.split("\n").filter((line) => line.startsWith("nodejs_eventloop_lag"));
    expect(lags.length).toBeGreaterThan(3);
    expect(lags.filter((line) => !(Number(line.split(" ").at(-1)) < 1e6))).toEqual([]);
    expect(page).not.toMatch(/ (?:nan|[+-]?inf)$/im);
  }
});
