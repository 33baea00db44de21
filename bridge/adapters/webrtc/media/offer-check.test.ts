import { describe, expect, test } from "@jest/globals";
import { openFarEnd } from "../../../../tests/support/voice/voice.ts";
import { checkOffer } from "./offer-check.ts";
import { OfferRefused } from "./transport.ts";

const section = (kind: string, port = 9) => `m=${kind} ${port} UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n`;
const print = Array.from({ length: 32 }, () => "AB").join(":");
const start = `v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:${"p".repeat(22)}\r\na=fingerprint:sha-256 ${print}\r\n`;

describe("an offer", () => {
  test("of a real peer is accepted, and its candidates are extracted", async () => {
    await using far = await openFarEnd();
    const offer = await far.offer();
    const { sdp, candidates } = checkOffer(offer);
    expect(offer).toContain("a=candidate");
    expect(sdp).not.toContain("a=candidate");
    expect(candidates.length).toBeGreaterThan(0);
    expect(checkOffer(start + section("audio")).candidates).toEqual([]);
  });

  test.each([
    ["nothing", ""],
    ["garbage", "garbage"],
    ["bytes that no SDP has", `${start}${section("audio")}a=x:\u0000\r\n`],
    ["no audio", start + section("video")],
    ["two audio sections", start + section("audio") + section("audio")],
    ["a rejected audio section", start + section("audio", 0)],
    ["200 sections", start + section("audio") + section("video").repeat(200)],
    ["65 candidates", start + section("audio") + "a=candidate:1 1 udp 1 192.0.2.1 9999 typ host\r\n".repeat(65)],
    ["more than 32 kB", start + section("audio") + "a=x:y\r\n".repeat(6_000)],
    ["no Opus", start + section("audio").replace("opus", "PCMU")],
    ["no fingerprint", start.replace(/a=fingerprint.*/, "a=x:y") + section("audio")],
    ["a weak fingerprint", start.replace("sha-256", "sha-1") + section("audio")],
    ["no ICE password", start.replace(/a=ice-pwd.*/, "a=x:y") + section("audio")],
    ["nothing to hear", `${start}${section("audio")}a=recvonly\r\n`],
  ])("with %s is refused", (_, sdp) => {
    expect(() => checkOffer(sdp)).toThrow(OfferRefused);
  });
});
