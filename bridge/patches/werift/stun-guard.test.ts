import { createHmac, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, test } from "@jest/globals";
import { until } from "../../../tests/support/until.ts";
import { loopback, openFarEnd } from "../../../tests/support/voice/voice.ts";
import { WeriftTransport } from "../../adapters/webrtc/media/werift-transport.ts";
import type { IceCandidate } from "../../adapters/webrtc/protocol/media-protocol.ts";
import { StunGuard } from "./stun-guard.ts";

const attribute = (type: number, value: Buffer): Buffer => {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
};

/** A Binding request like a browser's, signed with the given password, or not at all. */
function bindingRequest(user: string, password?: string): Buffer {
  const priority = Buffer.alloc(4);
  priority.writeUInt32BE(1_853_824_767);
  const body = [
    attribute(0x0006, Buffer.from(user)),
    attribute(0x0024, priority),
    attribute(0x802a, randomBytes(8)),
    attribute(0x0025, Buffer.alloc(0)),
  ];
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x0001, 0);
  header.writeUInt32BE(0x2112a442, 4);
  randomBytes(12).copy(header, 8);
  const length = body.reduce((sum, { length: bytes }) => sum + bytes, 0);
  if (password === undefined) {
    header.writeUInt16BE(length, 2);
    return Buffer.concat([header, ...body]);
  }
  header.writeUInt16BE(length + 24, 2);
  const signed = Buffer.concat([header, ...body]);
  return Buffer.concat([signed, attribute(0x0008, createHmac("sha1", password).update(signed).digest())]);
}

describe("the STUN guard", () => {
  test("passes only requests that are signed with the session's password", async () => {
    const candidates: IceCandidate[] = [];
    using guard = new StunGuard();
    await using far = await openFarEnd();
    const transport = new WeriftTransport({ ...loopback, portRange: [42_300, 42_309], relayOnly: false }, guard, {
      candidate: (candidate) => candidate !== null && candidates.push(candidate),
      state: () => undefined,
      frame: () => undefined,
      digit: () => undefined,
    });
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    try {
      await once(socket, "listening");
      const answer = await transport.answer(await far.offer());
      const [candidate = ""] = await until("a candidate", () => candidates[0]?.candidate.match(/ \d+ typ/));
      const port = Number(candidate.split(" ")[1]);
      const own = /a=ice-ufrag:(\S+)/.exec(answer)?.[1] ?? "";
      const password = /a=ice-pwd:(\S+)/.exec(answer)?.[1] ?? "";
      const answers = async (request: Buffer) => {
        const answered = once(socket, "message", { signal: AbortSignal.timeout(400) }).then(
          () => true,
          () => false,
        );
        socket.send(request, port, "127.0.0.1");
        return await answered;
      };
      expect(await answers(bindingRequest(`${own}:them`))).toBe(false);
      expect(await answers(bindingRequest(`${own}:them`, "not the password at all"))).toBe(false);
      expect(await answers(bindingRequest("none:them", password))).toBe(false);
      expect(await answers(Buffer.concat([bindingRequest(`${own}:them`).subarray(0, 23)]))).toBe(false);
      expect(guard.dropped).toBe(4);
      expect(await answers(bindingRequest(`${own}:them`, password))).toBe(true);
    } finally {
      socket.close();
      await transport.close();
    }
  });
});
