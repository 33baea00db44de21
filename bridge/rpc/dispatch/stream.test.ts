import { randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import * as z from "zod";
import { fixture } from "../../../tests/support/wire/fixture-methods.ts";
import { openWire, serveFixtures } from "../../../tests/support/wire/serve.ts";
import { WireClient } from "../../../tests/support/wire/wire-client.ts";
import type { AnyHandler } from "../index.ts";
import { Base64, itemBytes } from "../wire/item-text.ts";

describe("a stream", () => {
  test("sends its items in order, waits for credit, and ends with its result", async () => {
    await using wire = await openWire({ limits: { streamCredit: 2 } });
    wire.client.send('{"jsonrpc":"2.0","method":"stream","params":{"count":5,"bytes":1},"id":"s"}');
    const first = [await wire.client.next(), await wire.client.next()];
    expect(first.map(({ method, params }) => [method, params?.id, params?.seq, params?.item])).toEqual([
      ["rpc.stream", "s", 1, "x"],
      ["rpc.stream", "s", 2, "x"],
    ]);
    expect((await wire.client.call("rpc.stream_credit", { id: "s", n: 10 }, 2)).result).toEqual({ granted: true });
    for (const seq of [3, 4, 5]) expect((await wire.client.next()).params?.seq).toBe(seq);
    expect(await wire.client.next()).toEqual({ jsonrpc: "2.0", id: "s", result: 5 });
    expect((await wire.client.call("rpc.stream_credit", { id: "s", n: 1 }, 3)).result).toEqual({ granted: false });
  });

  test("that is cancelled stops its producer", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const endless: AnyHandler = async (_, call) => {
      for (;;) await call.write(1).catch((reason: unknown) => Promise.reject(resolve(reason) ?? reason));
    };
    await using wire = await openWire({ methods: { endless: [fixture(z.unknown(), z.number()), endless] } });
    wire.client.send('{"jsonrpc":"2.0","method":"endless","id":1}');
    await wire.client.until(() => wire.client.lines.length === 64, "the initial credit to be used");
    wire.client.send('{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":1}}');
    await expect(promise).resolves.toMatchObject({ code: "CANCELLED" });
    await wire.client.until(() => wire.client.lines.at(-1)?.includes("CANCELLED") === true, "the answer");
  });

  test("needs an id, and a connection has a maximum number of streams", async () => {
    await using wire = await openWire({ limits: { streamCredit: 1, streamsMax: 1 } });
    wire.client.send('{"jsonrpc":"2.0","method":"stream","params":{"count":5,"bytes":1},"id":null}');
    expect((await wire.client.next()).error?.data.code).toBe("INVALID_REQUEST");
    await wire.client.call("stream", { count: 5, bytes: 1 }, 1);
    expect((await wire.client.call("stream", { count: 5, bytes: 1 }, 2)).error?.data.code).toBe("TOO_MANY_IN_FLIGHT");
  });

  test("goes on without credit for a peer that has half-closed, since it can grant none", async () => {
    await using wire = await openWire({ limits: { streamCredit: 1 } });
    wire.client.socket.end('{"jsonrpc":"2.0","method":"stream","params":{"count":100,"bytes":1},"id":1}\n');
    await wire.client.ended();
    expect(wire.client.lines).toHaveLength(101);
  });

  test("of bytes arrives whole beside others, also at readers that pause", async () => {
    const file = randomBytes(3_000_001);
    const read: AnyHandler = async (_, call) => {
      for (let at = 0; at < file.length; at += itemBytes)
        await call.write(new Base64(file.subarray(at, at + itemBytes)));
      return file.length;
    };
    await using served = await serveFixtures({ methods: { read: [fixture(z.unknown(), z.base64()), read] } });
    const readers = await Promise.all(Array.from({ length: 6 }, () => WireClient.open(served.path)));
    await Promise.all(
      readers.map(async (reader, index) => {
        await using _closed = reader;
        reader.send('{"jsonrpc":"2.0","method":"read","id":1}');
        const pieces: Buffer[] = [];
        for (let line = await reader.next(); line.method === "rpc.stream"; line = await reader.next()) {
          pieces.push(Buffer.from(String(line.params?.item), "base64"));
          if (pieces.length % 7 !== index) continue;
          reader.socket.pause();
          setImmediate(() => reader.socket.resume());
        }
        expect(Buffer.concat(pieces).equals(file)).toBe(true);
      }),
    );
  });

  test("stops when its peer is gone", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watch: AnyHandler = (_, call) => {
      call.signal.addEventListener("abort", () => resolve());
      return call.write(1);
    };
    await using wire = await openWire({
      limits: { streamCredit: 1 },
      methods: { watch: [fixture(z.unknown(), z.number()), watch] },
    });
    await wire.client.call("watch");
    wire.client.socket.destroy();
    await promise;
  });
});
