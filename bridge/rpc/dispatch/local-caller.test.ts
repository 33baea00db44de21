import { BridgeError, type Principal } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import * as z from "zod";
import { ManualClock } from "../../../tests/support/manual-clock.ts";
import { fixture } from "../../../tests/support/wire/fixture-methods.ts";
import { hang, serveFixtures } from "../../../tests/support/wire/serve.ts";
import { type AnyHandler, CallMetrics, type CallPolicy } from "../index.ts";

const ann: Principal = { kind: "matrix", id: "matrix:@ann:example.org", role: "operator" };
const correlationOf: AnyHandler = (_, { correlationId }) => correlationId;

describe("a local call", () => {
  test("has its own correlation id, numbered together with those of the connections", async () => {
    await using served = await serveFixtures({ methods: { id: [fixture(z.strictObject({})), correlationOf] } });
    const results = [];
    for (let calls = 0; calls < 3; calls++) results.push((await served.server.local.call("id", {}, ann)).result);
    expect(new Set(results).size).toBe(3);
    expect(results.every((id) => /^[0-9a-f]{8}-\d+$/.test(String(id)))).toBe(true);
  });

  test("is counted, and its refusal is reported", async () => {
    const calls = new CallMetrics();
    const denied: unknown[] = [];
    const onDenied: CallPolicy["onDenied"] = ({ entry, principal, isAdmitted }) =>
      denied.push([entry.name, principal.id, isAdmitted]);
    const methods = { restricted: [{ ...fixture(z.strictObject({})), roles: ["admin"] }, () => 1] } as const;
    await using served = await serveFixtures({ methods, policy: { onAnswered: calls.onAnswered, onDenied } });
    const { local } = served.server;
    await local.call("ping", {}, ann);
    await expect(local.call("restricted", {}, { ...ann, role: "viewer" })).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(calls.byMethod.get("ping")?.outcomes).toEqual(new Map([["ok", 1]]));
    expect(calls.byMethod.get("restricted")?.outcomes).toEqual(new Map([["FORBIDDEN", 1]]));
    expect(denied).toEqual([["restricted", ann.id, false]]);
  });

  test("runs through the policy, with its params checked first", async () => {
    const seen: unknown[] = [];
    const policy: CallPolicy = {
      authorize: ({ name }) => (name === "slow" ? new BridgeError("RATE_LIMITED") : undefined),
      intercept: ({ entry }, params, handle) => {
        seen.push([entry.name, params]);
        return handle();
      },
    };
    const doubled = fixture(z.strictObject({ n: z.number() }));
    await using served = await serveFixtures({
      policy,
      methods: { doubled: [doubled, ({ n }: { n: number }) => 2 * n] },
    });
    const { local } = served.server;
    expect(await local.call("doubled", { n: 4 }, ann)).toEqual({ result: 8, items: [] });
    await expect(local.call("doubled", { n: "4" }, ann)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
    await expect(local.call("slow", {}, ann)).rejects.toMatchObject({ code: "RATE_LIMITED" });
    await expect(local.call("nothing", {}, ann)).rejects.toMatchObject({ code: "METHOD_NOT_FOUND" });
    expect(seen).toEqual([["doubled", { n: 4 }]]);
  });

  test("keeps the first items of a stream", async () => {
    const streaming = { ...fixture(z.strictObject({})), stream: z.number() };
    const count: AnyHandler = async (_, call) => {
      for (let item = 0; item < 300; item++) await call.write(item);
      return "done";
    };
    await using served = await serveFixtures({ methods: { count: [streaming, count] } });
    const { result, items } = await served.server.local.call("count", {}, ann);
    expect([result, items.length, items[199]]).toEqual(["done", 200, 199]);
  });

  test("respects the limits of an answer's length and of a principal's calls in flight", async () => {
    const long = fixture(z.strictObject({}));
    await using served = await serveFixtures({
      limits: { replyBytesMax: 100, inFlightMax: 1 },
      methods: { long: [long, () => "x".repeat(200)], hang: [long, hang] },
    });
    const { local } = served.server;
    await expect(local.call("long", {}, ann)).rejects.toMatchObject({ code: "FRAME_TOO_LARGE" });
    const aborting = new AbortController();
    const hanging = local.call("hang", {}, ann, aborting.signal);
    await expect(local.call("ping", {}, ann)).rejects.toMatchObject({ code: "TOO_MANY_IN_FLIGHT" });
    expect((await local.call("ping", {}, { ...ann, id: "matrix:@bob:example.org" })).result).toBe("pong");
    aborting.abort();
    await expect(hanging).rejects.toMatchObject({ code: "CANCELLED" });
  });

  test("ends at its deadline", async () => {
    const clock = new ManualClock();
    const hanging = fixture(z.strictObject({}));
    await using served = await serveFixtures({
      clock,
      limits: { callDeadlineMs: 1_000 },
      methods: { hang: [hanging, hang] },
    });
    const call = served.server.local.call("hang", {}, ann);
    clock.advance(1_000);
    await expect(call).rejects.toMatchObject({ code: "TIMED_OUT" });
  });

  test("that fails by a bug returns the correlation id, and the log has the rest", async () => {
    await using served = await serveFixtures();
    await expect(served.server.local.call("fail_async", {}, ann)).rejects.toMatchObject({ code: "INTERNAL" });
    expect(served.log.map(({ fields }) => fields["method"])).toEqual(["fail_async"]);
  });

  test("is refused while the server drains, if the method writes", async () => {
    const write = { ...fixture(z.strictObject({})), effect: "write" } as const;
    await using served = await serveFixtures({ methods: { write: [write, () => 1] } });
    await served.server.drain(AbortSignal.timeout(1_000));
    await expect(served.server.local.call("write", {}, ann)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  });
});
