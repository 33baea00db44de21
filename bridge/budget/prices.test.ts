import { describe, expect, test } from "@jest/globals";
import { calcPrice } from "@pydantic/genai-prices";
import fc from "fast-check";
import { costNanoUsd, PriceTable, worstCaseNanoUsd } from "./prices.ts";
import { ServicePrices } from "./service-prices.ts";

const at = new Date("2026-11-21T08:00:00Z");
const usage = (input: number, output: number, cacheRead = 0, cacheWrite = 0, cacheWrite1h = 0) => ({
  input,
  output,
  cacheRead,
  cacheWrite,
  cacheWrite1h,
});
const table = new PriceTable(
  new Map([
    ["local/llama", { input: 0, output: 0 }],
    ["openai/own", { input: 0.1, output: 0.333333 }],
  ]),
);
const listed = (provider: string, model: string) => {
  const price = table.find(provider, model, provider, at);
  if (price === undefined) throw new Error(`${model} has no price`);
  return price;
};

describe("PriceTable", () => {
  test("has prices of listed models and of the operator's own; others are unknown, not free", () => {
    expect(costNanoUsd(listed("anthropic", "claude-sonnet-4-5"), usage(1_000, 500))).toBe(10_500_000);
    expect(costNanoUsd(listed("local", "llama"), usage(1_000, 500))).toBe(0);
    expect(table.find("openai", "gpt-unheard-of", "openai", at)).toBeUndefined();
    expect(table.find("openai", "text-embedding-3-small", "openai", at)).toBeUndefined();
    expect(table.find("nobody", "gpt-5", "nobody", at)).toBeUndefined();
  });

  test("rounds up, and only once", () => {
    expect(costNanoUsd(listed("openai", "own"), usage(1, 0))).toBe(100);
    expect(costNanoUsd(listed("openai", "own"), usage(0, 1))).toBe(334);
    expect(costNanoUsd(listed("openai", "own"), usage(0, 3))).toBe(1_000);
  });

  test.each([
    ["anthropic", "claude-sonnet-4-5"],
    ["openai", "gpt-5"],
    ["openai", "gpt-4o-mini"],
    ["google", "gemini-2.5-pro"],
  ])("agrees with the list's own arithmetic for %s %s, including tiers and caches", (provider, model) => {
    const tokens = fc.oneof(fc.nat(2_000), fc.integer({ min: 199_990, max: 200_010 }), fc.nat(900_000));
    fc.assert(
      fc.property(tokens, fc.nat(100_000), fc.double({ min: 0, max: 1, noNaN: true }), (input, output, share) => {
        const cacheRead = Math.floor(input * share);
        const theirs = calcPrice({ input_tokens: input, output_tokens: output, cache_read_tokens: cacheRead }, model, {
          providerId: provider,
          timestamp: at,
        });
        const ours = costNanoUsd(listed(provider, model), usage(input, output, cacheRead));
        expect(Math.abs(ours - (theirs?.total_price ?? -1) * 1e9)).toBeLessThan(1.001);
      }),
    );
  });

  test("the worst case is never less than the cost", () => {
    const price = listed("anthropic", "claude-sonnet-4-5");
    fc.assert(
      fc.property(fc.nat(400_000), fc.nat(10_000), fc.nat(400_000), fc.nat(400_000), (input, output, a, b) => {
        const cacheRead = Math.min(a, input);
        const cacheWrite = Math.min(b, input - cacheRead);
        const real = costNanoUsd(price, usage(input, output, cacheRead, cacheWrite, cacheWrite >> 1));
        expect(worstCaseNanoUsd(price, input, output)).toBeGreaterThanOrEqual(real);
      }),
    );
  });
});

test("ServicePrices answers by day and with the operator's own first", () => {
  const prices = new ServicePrices(new Map([["tts.own", 7]]));
  expect(prices.find("tts.own", at)).toEqual({ nanoUsd: 7, source: "configuration" });
  expect(prices.find("twilio.sms.us", at)?.nanoUsd).toBe(8_300_000);
  expect(prices.find("twilio.sms.us", new Date("2020-01-01"))).toBeUndefined();
  expect(prices.find("twilio.sms.mars", at)).toBeUndefined();
});
