import { describe, expect, test } from "@jest/globals";
import * as z from "zod";
import { ManualClock } from "../../../tests/support/manual-clock.ts";
import { fixture } from "../../../tests/support/wire/fixture-methods.ts";
import { hang, openWire } from "../../../tests/support/wire/serve.ts";

describe("drain", () => {
  test("refuses writes, ends streams that read, and waits for the calls in flight", async () => {
    const write = { ...fixture(z.unknown()), effect: "write" } as const;
    await using wire = await openWire({ limits: { streamCredit: 1 }, methods: { write: [write, () => 1] } });
    await wire.client.call("stream", { count: 5, bytes: 1 }, "s");
    wire.client.send('{"jsonrpc":"2.0","method":"slow","params":[100],"id":"slow"}');
    await wire.client.call("ping");
    const drained = wire.server.drain(AbortSignal.timeout(5_000));
    expect((await wire.client.next()).error?.data.code).toBe("SHUTTING_DOWN");
    expect((await wire.client.call("write")).error?.data.code).toBe("SHUTTING_DOWN");
    expect((await wire.client.next()).result).toBe(100);
    await drained;
    expect((await wire.client.call("ping")).result).toBe("pong");
  });

  test("ends at its deadline, and reports the calls that have not finished", async () => {
    await using wire = await openWire({ methods: { hang: [fixture(z.unknown()), hang] } });
    wire.client.send('{"jsonrpc":"2.0","method":"hang","id":1}');
    await wire.client.call("ping", undefined, 2);
    await wire.server.drain(AbortSignal.timeout(50));
    expect((await wire.client.next()).error?.data.code).toBe("SHUTTING_DOWN");
  });
});

test("a connection ends when its token expires, and a connection without an expiry does not", async () => {
  const clock = new ManualClock();
  const token = { kind: "token", id: "token:brief", role: "viewer" } as const;
  await using brief = await openWire({ clock, principal: { ...token, expiresAtMs: clock.now() + 60_000 } });
  await using lasting = await openWire({ clock, principal: token });
  for (const { client } of [brief, lasting]) expect((await client.call("ping")).result).toBe("pong");
  clock.advance(59_000);
  expect((await brief.client.call("ping")).result).toBe("pong");
  clock.advance(1_000);
  expect((await brief.client.next()).error?.data.code).toBe("UNAUTHENTICATED");
  await brief.client.ended();
  expect(brief.log.filter(({ message }) => message === "A connection was closed")).toHaveLength(1);
  expect((await lasting.client.call("ping")).result).toBe("pong");
});

test("close() ends every connection", async () => {
  await using wire = await openWire();
  await wire.client.call("ping");
  await wire.server.close();
  await wire.client.ended();
  expect(wire.server.stats.connections).toBe(0);
});
