import { describe, expect, test } from "@jest/globals";
import { mayAdvertise } from "./candidates.ts";

const host = (address: string) => `candidate:1 1 udp 2130706431 ${address} 50000 typ host`;

describe("an address of the bridge", () => {
  test("is sent to callers only when it is configured", () => {
    const bound = { addresses: ["127.0.0.1"], announcedAddress: undefined };
    expect(mayAdvertise(host("127.0.0.1"), bound)).toBe(true);
    expect(mayAdvertise(host("10.0.0.5"), bound)).toBe(false);
    expect(mayAdvertise(host("10.0.0.5"), { addresses: [], announcedAddress: undefined })).toBe(true);
    const announced = { addresses: ["10.0.0.5"], announcedAddress: "203.0.113.7" };
    expect(mayAdvertise(host("203.0.113.7"), announced)).toBe(true);
    expect(mayAdvertise(host("10.0.0.5"), announced)).toBe(false);
  });
});
