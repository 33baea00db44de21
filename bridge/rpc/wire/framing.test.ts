import { describe, expect, jest, test } from "@jest/globals";
import { LineReader } from "./framing.ts";

function collect() {
  const found: (string | undefined)[] = [];
  const reader = new LineReader({
    onLines: (text) => found.push(...text.split("\n")),
    onInvalidLine: () => found.push(undefined),
  });
  return { reader, found };
}

describe("LineReader", () => {
  test("finds the same lines however the bytes are cut", () => {
    const lines = ["", "{}", "héllo 🦊", "x".repeat(500), "", "last"];
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    for (let size = 1; size <= bytes.length; size++) {
      const { reader, found } = collect();
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
      expect(found).toEqual(lines);
      expect(reader.partialBytes).toBe(0);
    }
  });

  test("counts a last line without a newline when the stream ends, and nothing twice", () => {
    const { reader, found } = collect();
    reader.push(Buffer.from("a\nb"));
    expect(reader.partialBytes).toBe(1);
    reader.end();
    reader.end();
    expect(found).toEqual(["a", "b"]);
  });

  test("reports a line that is not UTF-8 and goes on at the next", () => {
    const { reader, found } = collect();
    reader.push(Buffer.concat([Buffer.from("a\n"), Buffer.from([0xff, 0x0a]), Buffer.from("b\n")]));
    expect(found).toEqual(["a", undefined, "b"]);
  });

  test("accepts U+FFFD that was sent as such", () => {
    const { reader, found } = collect();
    reader.push(Buffer.from("\ufffd\n"));
    expect(found).toEqual(["\ufffd"]);
  });

  test("reads 8 MiB in 16-byte pieces in linear time: the unfinished line is copied only each time it has doubled", () => {
    const { reader, found } = collect();
    using buffers = jest.spyOn(Buffer, "allocUnsafeSlow");
    const piece = Buffer.from("0123456789abcdef");
    for (let at = 0; at < 524_288; at++) reader.push(piece);
    reader.push(Buffer.from("\n"));
    expect(buffers.mock.calls.length).toBeLessThan(20);
    expect(found[0]?.length).toBe(8_388_608);
  });

  test("forgets the unfinished line on request", () => {
    const { reader, found } = collect();
    reader.push(Buffer.from("half"));
    reader.discard();
    reader.push(Buffer.from("{}\n"));
    expect(found).toEqual(["{}"]);
  });
});
