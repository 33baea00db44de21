/**
 * The format of an agent's media socket, in both directions. Binary: a header of 21 bytes, big-endian (length of the rest in 4,
 * kind in 1, call in 4, sequence in 4, microseconds in 8), then the payload: samples as signed 16-bit little-endian, or a message as
 * JSON. A connection whose first byte is `{` speaks JSON lines instead, with samples in base64.
 */
export type AgentFrame =
  | {
      readonly kind: "audio";
      readonly call: number;
      readonly sequence: number;
      readonly timeUs: number;
      readonly samples: Int16Array<ArrayBuffer>;
    }
  | { readonly kind: "message"; readonly message: AgentMessage };

/** A JSON object with a `type`. */
export type AgentMessage = Readonly<Record<string, unknown>> & { readonly type: string };

/** The encoding that one end of a media socket uses. */
export type FrameMode = "binary" | "json";

const headerBytes = 21;
const audioKind = 1;
const messageKind = 2;
/** One second of 48 kHz sound, and any message. */
const payloadBytesMax = 96_000;

/** The input is not a frame. The connection cannot be used further. */
export class FrameFault extends Error {}

/** Encodes a frame for the socket. */
export function encodeFrame(frame: AgentFrame, mode: FrameMode): Buffer {
  if (mode === "json") return Buffer.from(`${JSON.stringify(jsonOf(frame))}\n`);
  const isAudio = frame.kind === "audio";
  const payload = isAudio
    ? Buffer.from(frame.samples.buffer, frame.samples.byteOffset, frame.samples.byteLength)
    : Buffer.from(JSON.stringify(frame.message));
  const bytes = Buffer.allocUnsafe(headerBytes + payload.length);
  bytes.writeUInt32BE(payload.length, 0);
  bytes.writeUInt8(isAudio ? audioKind : messageKind, 4);
  bytes.writeUInt32BE(isAudio ? frame.call : 0, 5);
  bytes.writeUInt32BE(isAudio ? frame.sequence : 0, 9);
  bytes.writeBigUInt64BE(BigInt(isAudio ? frame.timeUs : 0), 13);
  payload.copy(bytes, headerBytes);
  return bytes;
}

function jsonOf(frame: AgentFrame): AgentMessage {
  if (frame.kind === "message") return frame.message;
  const { call, sequence, timeUs, samples } = frame;
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength).toString("base64");
  return { type: "audio", call, seq: sequence, ts_us: timeUs, data };
}

/** Cuts a stream into frames. It holds one unfinished frame at most. */
export class FrameReader {
  #mode: FrameMode | undefined;
  #rest: Buffer = Buffer.alloc(0);

  /** The encoding of the other end; undefined before its first byte. */
  get mode(): FrameMode | undefined {
    return this.#mode;
  }

  /** @throws FrameFault */
  push(chunk: Buffer): AgentFrame[] {
    this.#mode ??= chunk[0] === 0x7b ? "json" : "binary";
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: AgentFrame[] = [];
    for (;;) {
      const frame = this.#mode === "json" ? this.#line() : this.#binary();
      if (frame === undefined) return frames;
      frames.push(frame);
    }
  }

  #binary(): AgentFrame | undefined {
    if (this.#rest.length < headerBytes) return undefined;
    const length = this.#rest.readUInt32BE(0);
    if (length > payloadBytesMax) throw new FrameFault(`A frame is longer than ${payloadBytesMax} bytes`);
    if (this.#rest.length < headerBytes + length) return undefined;
    const header = this.#rest.subarray(0, headerBytes);
    const payload = this.#rest.subarray(headerBytes, headerBytes + length);
    this.#rest = this.#rest.subarray(headerBytes + length);
    const kind = header.readUInt8(4);
    if (kind === messageKind) return { kind: "message", message: parseMessage(payload.toString()) };
    if (kind !== audioKind) throw new FrameFault(`There is no frame of kind ${kind}`);
    return {
      kind: "audio",
      call: header.readUInt32BE(5),
      sequence: header.readUInt32BE(9),
      timeUs: Number(header.readBigUInt64BE(13)),
      samples: samplesOf(payload),
    };
  }

  #line(): AgentFrame | undefined {
    const end = this.#rest.indexOf(0x0a);
    // Base64 grows by a third.
    if ((end === -1 ? this.#rest.length : end) > payloadBytesMax * 1.5) throw new FrameFault("A line is too long");
    if (end === -1) return undefined;
    const message = parseMessage(this.#rest.subarray(0, end).toString());
    this.#rest = this.#rest.subarray(end + 1);
    if (message.type !== "audio") return { kind: "message", message };
    const { call, seq, ts_us: timeUs, data } = message;
    if (typeof call !== "number" || typeof data !== "string")
      throw new FrameFault("An audio line names no call or data");
    const samples = samplesOf(Buffer.from(data, "base64"));
    return { kind: "audio", call, sequence: Number(seq ?? 0), timeUs: Number(timeUs ?? 0), samples };
  }
}

/** A copy, because input may start at an odd address and samples need an even one. */
function samplesOf(payload: Buffer): Int16Array<ArrayBuffer> {
  if (payload.length % 2 !== 0) throw new FrameFault("Half a sample");
  const samples = new Int16Array(payload.length / 2);
  Buffer.from(samples.buffer).set(payload);
  return samples;
}

function parseMessage(text: string): AgentMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FrameFault("A message is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || typeof (value as AgentMessage).type !== "string")
    throw new FrameFault("A message has no type");
  return value as AgentMessage;
}
