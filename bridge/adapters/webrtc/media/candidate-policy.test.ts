import { describe, expect, test } from "@jest/globals";
import { mayContact } from "./candidate-policy.ts";

const candidate = (address: string, { port = 50_000, type = "host", transport = "udp" } = {}) =>
  `candidate:1 1 ${transport} 2122260223 ${address} ${port} typ ${type} generation 0`;
const open = { remoteCandidates: "public", relayOnly: false } as const;

describe("a remote candidate", () => {
  test("with a public address is accepted", () => {
    expect(mayContact(candidate("203.0.113.7"), open)).toBe(true);
    expect(mayContact(candidate("2001:db8::7"), open)).toBe(true);
  });

  test.each([
    "127.0.0.1",
    "::1",
    "10.1.2.3",
    "192.168.1.1",
    "172.20.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "fe80::1",
    "fd00::1",
  ])("with the private address %s is accepted only where that is allowed", (address) => {
    expect(mayContact(candidate(address), open)).toBe(false);
    expect(mayContact(candidate(address), { ...open, remoteCandidates: "any" })).toBe(true);
  });

  test.each([
    ["a name of the local network", candidate("f00.local")],
    ["a name", candidate("metadata.google.internal")],
    ["a mapped address", candidate("::ffff:127.0.0.1")],
    ["a multicast address", candidate("224.0.0.251")],
    ["the port of a service", candidate("203.0.113.7", { port: 53 })],
    ["no port", candidate("203.0.113.7", { port: 99_999 })],
    ["TCP", candidate("203.0.113.7", { transport: "tcp" })],
    ["line breaks", `${candidate("f")}\r\n${candidate("203.0.113.7")}`],
    ["nothing", ""],
    ["600 characters", candidate("203.0.113.7").padEnd(600, "x")],
  ])("with %s is never accepted", (_, text) => {
    expect(mayContact(text, { remoteCandidates: "any", relayOnly: false })).toBe(false);
  });

  test("is not used by default, and only relays are used where that is configured", () => {
    expect(mayContact(candidate("203.0.113.7"), { ...open, remoteCandidates: "ignore" })).toBe(false);
    expect(mayContact(candidate("203.0.113.7"), { ...open, relayOnly: true })).toBe(false);
    expect(mayContact(candidate("203.0.113.7", { type: "relay" }), { ...open, relayOnly: true })).toBe(true);
  });

  test("of any shape is judged without throwing", () => {
    for (let seed = 0; seed < 2_000; seed += 1) {
      const text = Array.from({ length: seed % 60 }, (_, at) => String.fromCharCode(32 + ((seed * 31 + at * 17) % 95)));
      expect(mayContact(`candidate:1 1 udp 1 ${text.join("")} typ host`, open)).toBe(false);
    }
  });
});
