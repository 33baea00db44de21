import { once } from "node:events";
import { duplexPair } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import { greetSealed } from "../../../client-sdk/transport/seal.ts";
import { until } from "../../../tests/support/until.ts";
import { type SealedLinesOptions, sealedLines } from "./sealed-lines.ts";

const key = new Uint8Array(32).fill(7);

/** A sealed peer whose lines the test can read and change in transit. */
async function sealedPair(clientKey = key, greetingOf?: string, options?: Partial<SealedLinesOptions>) {
  const [near, far] = duplexPair();
  const refusals: string[] = [];
  const server = sealedLines(far, key, { ...options, onRefused: (reason) => refusals.push(reason.code) });
  server.on("error", () => undefined);
  let received = "";
  server.on("data", (chunk: Buffer) => {
    received += chunk.toString();
  });
  const lines: string[] = [];
  let partial = "";
  near.on("data", (chunk: Buffer) => {
    const pieces = (partial + chunk.toString()).split("\n");
    partial = pieces.pop() ?? "";
    lines.push(...pieces);
  });
  const nextLine = async () => {
    while (lines.length === 0) await once(near, "data", { signal: AbortSignal.timeout(5_000) });
    return lines.shift() ?? "";
  };
  const greeting = greetSealed(clientKey);
  const first = greetingOf ?? greeting.message;
  near.write(`${first}\n`);
  const seal = await greeting.accept(await nextLine());
  const ended = once(server, "close");
  return {
    near,
    server,
    seal,
    refusals,
    nextLine,
    first,
    ended,
    received: () => received,
    deliver: (message: string) => near.write(`${message}\n`),
    [Symbol.dispose]: () => void server.destroy(),
  };
}

describe("sealed lines", () => {
  test("carry text both ways, and contain none of the plain text", async () => {
    using pair = await sealedPair();
    pair.deliver(await pair.seal.seal('{"secret":"ü"}'));
    await until("the text", () => pair.received() !== "");
    expect(pair.received()).toBe('{"secret":"ü"}\n');
    pair.server.write('{"answer":1}\n{"answer":2}\n');
    const sealed = await pair.nextLine();
    expect(sealed).not.toContain("answer");
    expect(await pair.seal.open(sealed)).toBe('{"answer":1}\n{"answer":2}\n');
  });

  test("seal the same text to other bytes each time, and on each connection", async () => {
    using one = await sealedPair();
    using other = await sealedPair();
    const sealed = [await one.seal.seal("x"), await one.seal.seal("x"), await other.seal.seal("x")];
    expect(new Set(sealed).size).toBe(3);
  });

  test("end the connection at a message that is replayed", async () => {
    using pair = await sealedPair();
    const message = await pair.seal.seal('{"pay":1}');
    pair.deliver(message);
    pair.deliver(message);
    await pair.ended;
    expect(pair.received()).toBe('{"pay":1}\n');
    expect(pair.refusals).toEqual(["UNAUTHENTICATED"]);
  });

  test.each<[string, (messages: readonly [string, string]) => string]>([
    ["comes before its turn", ([, second]) => second],
    ["was cut short", ([first]) => first.slice(0, -4)],
    ["was changed", ([first]) => `${first.startsWith("A") ? "B" : "A"}${first.slice(1)}`],
    ["was emptied", () => "AAAA"],
    ["is not sealed", () => '{"jsonrpc":"2.0","id":1,"method":"rpc.ping"}'],
  ])("end the connection at a message that %s", async (_, attack) => {
    using pair = await sealedPair();
    pair.deliver(attack([await pair.seal.seal("{}"), await pair.seal.seal("{}")]));
    await pair.ended;
    expect(pair.received()).toBe("");
    expect(pair.refusals).toEqual(["UNAUTHENTICATED"]);
  });

  test("end the connection at a message that is sent back to its sender", async () => {
    using pair = await sealedPair();
    pair.server.write("{}\n");
    pair.deliver(await pair.nextLine());
    await pair.ended;
    expect(pair.received()).toBe("");
  });

  test("end a connection whose messages are all replayed", async () => {
    using recorded = await sealedPair();
    const message = await recorded.seal.seal('{"pay":1}');
    using replayed = await sealedPair(key, recorded.first);
    replayed.deliver(message);
    await replayed.ended;
    expect(replayed.received()).toBe("");
  });

  test("open nothing under another key", async () => {
    using pair = await sealedPair(new Uint8Array(32).fill(8));
    pair.deliver(await pair.seal.seal("{}"));
    await pair.ended;
    expect(pair.refusals).toEqual(["UNAUTHENTICATED"]);
  });

  test("end the connection at a line that is too long, with a lower limit before the first message has opened", async () => {
    using first = await sealedPair(key, undefined, { lineBytesMax: 2_000, firstLineBytesMax: 200 });
    first.deliver("A".repeat(300));
    await first.ended;
    using later = await sealedPair(key, undefined, { lineBytesMax: 2_000, firstLineBytesMax: 200 });
    later.deliver(await later.seal.seal("{}"));
    later.deliver(await later.seal.seal("1".repeat(400)));
    await until("both", () => later.received().length > 400);
    later.near.write("A".repeat(2_001));
    await later.ended;
    expect([first.refusals, later.refusals]).toEqual([["FRAME_TOO_LARGE"], ["FRAME_TOO_LARGE"]]);
  });

  test("the client opens no message twice, and none out of order", async () => {
    using pair = await sealedPair();
    pair.server.write("1\n");
    const first = await pair.nextLine();
    pair.server.write("2\n");
    const second = await pair.nextLine();
    expect(await pair.seal.open(first)).toBe("1\n");
    await expect(pair.seal.open(first)).rejects.toThrow();
    // A message that did not open has used its sequence number, so the transport closes the connection.
    await expect(pair.seal.open(second)).rejects.toThrow();
  });
});
