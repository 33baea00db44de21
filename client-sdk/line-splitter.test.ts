import { describe, expect, test } from "@jest/globals";
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

  test("keeps no chunk, so that all of them may come in one buffer", () => {
    const buffer = Buffer.alloc(4);
    const lines: string[] = [];
    const splitter = new LineSplitter(100);
    for (const piece of ["abcd", "efg\n", "h\ni\n"]) {
      splitter.push(buffer.subarray(0, buffer.write(piece)), (line) => lines.push(line));
    }
    expect(lines).toEqual(["abcdefg", "h", "i"]);
  });

  test("refuses a line over the bound, also when it comes in pieces", () => {
    const splitter = new LineSplitter(10);
    splitter.push(Buffer.from("0123456789"), () => {});
    expect(() => splitter.push(Buffer.from("x"), () => {})).toThrow("longer than 10 bytes");
  });

  test("8 MiB in pieces of 1 KiB takes time linear in its size", () => {
    const timeMs = (bytes: number) => {
      const splitter = new LineSplitter(bytes);
      const piece = Buffer.alloc(1024, "x");
      const before = performance.now();
      for (let sent = 0; sent < bytes; sent += piece.length) splitter.push(piece, () => {});
      splitter.push(Buffer.from("\n"), () => {});
      return performance.now() - before;
    };
    timeMs(1024 * 1024);
    expect(timeMs(8 * 1024 * 1024)).toBeLessThan(2_000);
  });
});
