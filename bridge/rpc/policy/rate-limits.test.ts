import type { Principal } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import type { MethodEntry } from "../dispatch/method-table.ts";
import { defaultRates, RateLimits } from "./rate-limits.ts";

const ann: Principal = { kind: "user", id: "user:1000", uid: 1000, role: "viewer" };
const bob: Principal = { ...ann, id: "user:1001", uid: 1001 };
const methodOf = (name: string, isWrite: boolean) => ({ name, isWrite }) as MethodEntry;
const read = methodOf("agent.list", false);
const write = methodOf("event.publish", true);
const ping = methodOf("rpc.ping", false);

function limits(penalty = 1) {
  const time = { ms: 0 };
  const rate = { perSecond: 10, burst: 3 };
  const rates = { ...defaultRates, viewer: { read: rate, write: rate, control: rate } };
  const rateLimits = new RateLimits({ rates, penalty, clock: { monotonic: () => time.ms } });
  const retryAfter = (method: MethodEntry, principal = ann) =>
    rateLimits.authorize(method, principal)?.details?.["retry_after_ms"];
  return { time, rateLimits, retryAfter };
}

describe("a principal", () => {
  test("may call a burst at once, and then as fast as its bucket fills", () => {
    const { time, retryAfter } = limits(0);
    expect([1, 2, 3].map(() => retryAfter(read))).toEqual([undefined, undefined, undefined]);
    expect(retryAfter(read)).toBe(100);
    time.ms += 60;
    expect(retryAfter(read)).toBe(40);
    time.ms += 40;
    expect(retryAfter(read)).toBeUndefined();
    expect(retryAfter(read)).toBe(100);
  });

  test("that waits for the reported time is admitted", () => {
    const { time, retryAfter } = limits();
    for (let call = 0; call < 10; call++) retryAfter(read);
    const wait = retryAfter(read);
    time.ms += Number(wait);
    expect(retryAfter(read)).toBeUndefined();
  });

  test("that goes on calling waits longer, at most as long as one burst takes to refill", () => {
    const { retryAfter } = limits();
    for (let call = 0; call < 3; call++) retryAfter(read);
    expect([1, 2, 3, 4, 5].map(() => retryAfter(read))).toEqual([200, 300, 400, 400, 400]);
  });

  test("has its own bucket for each class of methods", () => {
    const { rateLimits, retryAfter } = limits();
    for (let call = 0; call < 4; call++) retryAfter(read);
    expect(retryAfter(read)).toBeDefined();
    expect(retryAfter(write)).toBeUndefined();
    expect(retryAfter(ping)).toBeUndefined();
    expect(retryAfter(read, bob)).toBeUndefined();
    expect(rateLimits.refused).toBe(2);
    expect(rateLimits.authorize(read, ann)).toMatchObject({
      code: "RATE_LIMITED",
      message: "user:1000 may make 10 read calls a second",
    });
  });
});
