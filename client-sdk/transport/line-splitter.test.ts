import { describe, expect, jest, test } from "@jest/globals";
import { LineSplitter } from "./line-splitter.ts";

describe("LineSplitter", () => {
  test("cuts lines wherever the chunks are cut, also within a character", () => {
    const bytes = Buffer.from('{"a":"ü"}\n\n{"b":"€"}\n{"c"');
    for (let size = 1; size <= bytes.length; size++) {
      const lines: string[] = [];
      const splitter = new LineSplitter(100);
      for (let at = 0; at < bytes.length; at += size) {
        splitter.push(bytes.subarray(at, at + size), (line) => lines.push(line));
      }
      expect(lines).toEqual(['{"a":"ü"}', "", '{"b":"€"}']);
    }
  });

  test("keeps no chunk, so that a caller may reuse one buffer", () => {
    const buffer = Buffer.alloc(4);
    const lines: string[] = [];
    const splitter = new LineSplitter(100);
    for (const piece of ["abcd", "efg\n", "h\ni\n"]) {
      splitter.push(buffer.subarray(0, buffer.write(piece)), (line) => lines.push(line));
    }
    expect(lines).toEqual(["abcdefg", "h", "i"]);
  });

  test("refuses a line over the bound, also when it arrives in pieces", () => {
    const splitter = new LineSplitter(10);
    splitter.push(Buffer.from("0123456789"), () => {});
    expect(() => splitter.push(Buffer.from("x"), () => {})).toThrow("longer than 10 bytes");
  });

  test("reads 8 MiB in pieces of 1 KiB in linear time: the unfinished line is copied only each time it has doubled", () => {
    using buffers = jest.spyOn(Buffer, "allocUnsafeSlow");
    const bytes = 8 * 1024 * 1024;
    const splitter = new LineSplitter(bytes);
    const lines: string[] = [];
    const piece = Buffer.alloc(1024, "x");
    for (let sent = 0; sent < bytes; sent += piece.length) splitter.push(piece, (line) => lines.push(line));
    splitter.push(Buffer.from("\n"), (line) => lines.push(line));
    expect(lines.map(({ length }) => length)).toEqual([bytes]);
    expect(buffers.mock.calls.length).toBeLessThan(20);
  });
});
