import { describe, expect, test } from "@jest/globals";
import { type AgentFrame, encodeFrame, FrameFault, FrameReader } from "./agent-frames.ts";

const frames: AgentFrame[] = [
  { kind: "message", message: { type: "hello" } },
  { kind: "audio", call: 3, sequence: 9, timeUs: 180_000, samples: Int16Array.of(1, -2, 32_767, -32_768) },
  { kind: "message", message: { type: "say", call: 3, text: "grüß dich" } },
];

describe.each(["binary", "json"] as const)("frames as %s", (mode) => {
  test("are decoded unchanged, however the stream is cut", () => {
    const bytes = Buffer.concat(frames.map((frame) => encodeFrame(frame, mode)));
    for (const size of [1, 7, 1_000]) {
      const reader = new FrameReader();
      const found: AgentFrame[] = [];
      for (let at = 0; at < bytes.length; at += size) found.push(...reader.push(bytes.subarray(at, at + size)));
      expect(found).toEqual(frames);
      expect(reader.mode).toBe(mode);
    }
  });
});

describe("what is no frame", () => {
  const header = (length: number, kind: number) => {
    const bytes = Buffer.alloc(21 + Math.min(length, 10));
    bytes.writeUInt32BE(length, 0);
    bytes.writeUInt8(kind, 4);
    return bytes;
  };
  test.each([
    ["a frame of 4 GB", header(0xffff_ffff, 1)],
    ["a frame of an unknown kind", header(2, 9)],
    ["half a sample", header(3, 1)],
    ["a message that is not JSON", header(4, 2)],
    ["a line without end", Buffer.from(`{"${"x".repeat(200_000)}`)],
    ["a line that is no object", Buffer.from("{}\n")],
    ["audio without data", Buffer.from('{"type":"audio","call":1}\n')],
  ])("such as %s ends the connection", (_, bytes) => {
    expect(() => new FrameReader().push(bytes)).toThrow(FrameFault);
  });
});
