import type { BridgeClient } from "@armorclaw/client-sdk";
import { expect } from "@jest/globals";

/** Sends many calls at once and a long event over a sealed connection. */
export async function expectSealedTraffic(client: BridgeClient, calls: number): Promise<void> {
  const listed = await Promise.all(Array.from({ length: calls }, () => client.loop.list()));
  expect(listed).toHaveLength(calls);
  await using events = client.subscribe({ channels: ["sealed.>"] });
  await events.ready;
  const text = "ü".repeat(20_000);
  await client.call("event.publish", { channel: "sealed.x", type: "sealed.told", data: { text } });
  for await (const event of events) {
    expect(event.data).toEqual({ text });
    break;
  }
}
