import { describe, expect, test } from "@jest/globals";
import { encodeSse, SseDecoder, type SseEvent } from "./sse.ts";

/** Decodes a stream that arrives in pieces of this many bytes. */
function decode(text: string, pieceBytes = Number.POSITIVE_INFINITY): SseEvent[] {
  const decoder = new SseDecoder();
  const bytes = Buffer.from(text);
  const size = Math.min(pieceBytes, bytes.length);
  const events: SseEvent[] = [];
  for (let at = 0; at < bytes.length; at += size) events.push(...decoder.push(bytes.subarray(at, at + size)));
  return [...events, ...decoder.end()];
}

const plain = (data: string): SseEvent => ({ event: undefined, data });

// The cases are those of WHATWG HTML 9.2.5 and 9.2.6.
describe("SseDecoder", () => {
  test.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["a lone CR", "\r"],
  ])("ends lines at %s, however the stream is cut", (_, lineEnd) => {
    const text = ["event: a", "data: é 😀", "", "data:b", "", ""].join(lineEnd);
    for (const pieceBytes of [1, 2, 3, 100])
      expect(decode(text, pieceBytes)).toEqual([{ event: "a", data: "é 😀" }, plain("b")]);
  });

  test("ignores a byte order mark, comments, unknown fields, and lines without data", () => {
    expect(decode("\uFEFFdata: a\n\n: note\n:\nid: 5\nretry: 1\nother: x\n\ndata: b\n\n")).toEqual([
      plain("a"),
      plain("b"),
    ]);
  });

  test("joins data lines, removes one leading space, and reads a field without a colon as empty", () => {
    expect(decode("data:  a\ndata\ndata: b\n\n")).toEqual([plain(" a\n\nb")]);
  });

  test("keeps the last event when the stream ends without its blank line, or in the middle of its line", () => {
    expect(decode("data: a\n\ndata: b\n")).toEqual([plain("a"), plain("b")]);
    expect(decode("data: a\n\ndata: b")).toEqual([plain("a"), plain("b")]);
    expect(decode("data: a\r\rdata: b\r")).toEqual([plain("a"), plain("b")]);
  });

  test("refuses an event that is longer than the bound", () => {
    const decoder = new SseDecoder();
    const piece = Buffer.from(`data: ${"x".repeat(600_000)}`);
    decoder.push(piece);
    expect(() => decoder.push(piece)).toThrow("longer than 1048576 characters");
  });
});

test("encodeSse() keeps line ends inside the data", () => {
  expect(decode(encodeSse({ event: "e", data: "a\nb\r\nc" }))).toEqual([{ event: "e", data: "a\nb\nc" }]);
});
