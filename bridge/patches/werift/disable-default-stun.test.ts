import { createSocket, Socket } from "node:dgram";
import { promises as dns } from "node:dns";
import { describe, expect, test } from "@jest/globals";
import { until } from "../../../tests/support/until.ts";
import { loopback, openFarEnd } from "../../../tests/support/voice/voice.ts";
import { WeriftTransport } from "../../adapters/webrtc/media/werift-transport.ts";
import { StunGuard } from "./stun-guard.ts";

describe("a transport without STUN servers", () => {
  test("resolves no name and sends packets only to the caller", async () => {
    const targets: unknown[] = [];
    const { lookup } = dns;
    const { send } = Socket.prototype;
    Object.assign(dns, {
      lookup: (...args: Parameters<typeof lookup>) => {
        targets.push(args[0]);
        return lookup(...args);
      },
    });
    const probe = createSocket("udp4");
    const gathered = Promise.withResolvers<void>();
    using guard = new StunGuard();
    await using far = await openFarEnd();
    const transport = new WeriftTransport({ ...loopback, portRange: [42_200, 42_209], relayOnly: false }, guard, {
      candidate: (candidate) => candidate === null && gathered.resolve(),
      state: () => undefined,
      frame: () => undefined,
      digit: () => undefined,
    });
    const sentTo = new Set<string>();
    Socket.prototype.send = function (this: Socket, ...args: unknown[]) {
      for (const argument of args) if (typeof argument === "string" && argument.includes(".")) sentTo.add(argument);
      return Reflect.apply(send, this, args);
    } as typeof send;
    try {
      await transport.answer(await far.offer());
      await gathered.promise;
      expect(targets.filter((name) => /google|stun/.test(String(name)))).toEqual([]);
      expect([...sentTo].filter((address) => address !== "127.0.0.1")).toEqual([]);
    } finally {
      Socket.prototype.send = send;
      Object.assign(dns, { lookup });
      probe.close();
      await transport.close();
    }
    await until("the end", () => true);
  });
});
