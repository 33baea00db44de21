import { describe, expect, test } from "@jest/globals";
import { loopback, openFarEnd } from "../../../../tests/support/voice/voice.ts";
import { systemClock } from "../../../platform/clock.ts";
import { MediaClient } from "../calls/media-client.ts";
import { PortPool } from "./port-pool.ts";
import { PortsExhausted } from "./transport.ts";

describe("the port pool", () => {
  test("has room for one call per port and address, and each port is released once", () => {
    const budget = new PortPool([50_000, 50_003], 2);
    const [first] = [budget.take(), budget.take()];
    expect(() => budget.take()).toThrow(PortsExhausted);
    first?.();
    first?.();
    budget.take();
    expect(() => budget.take()).toThrow(PortsExhausted);
  });

  test("makes the call that finds no port fail at once, rather than hang without candidates", async () => {
    const media = new MediaClient({ ...loopback, portRange: [42_100, 42_101] }, systemClock, {
      event: () => undefined,
      ended: () => undefined,
    });
    await using far = await openFarEnd();
    try {
      await media.request("a", "open", { rate: 16_000, relayOnly: false });
      await media.request("c", "open", { rate: 16_000, relayOnly: false });
      await expect(media.request("b", "open", { rate: 16_000, relayOnly: false })).rejects.toMatchObject({
        code: "CALL_LIMIT_REACHED",
        details: { limit: "webrtc.port_range" },
      });
      await media.request("a", "close", null);
      await media.request("b", "open", { rate: 16_000, relayOnly: false });
      expect(await media.request("b", "answer", { sdp: await far.offer() })).toContain("m=audio");
    } finally {
      await media.close();
    }
  });
});
