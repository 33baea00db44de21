import { createHash, createHmac, randomBytes } from "node:crypto";

// The parts of STUN (RFC 8489) and TURN (RFC 8656) that an allocation needs.

const headerBytes = 20;
const magicCookie = 0x2112a442;
const udp = 17;

const types = { allocate: 0x0003, refresh: 0x0004 } as const;
const successBit = 0x0100;

const attributes = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  lifetime: 0x000d,
  realm: 0x0014,
  nonce: 0x0015,
  requestedTransport: 0x0019,
} as const;

/** What a relay requires in authenticated requests. */
export interface TurnChallenge {
  readonly realm: string;
  readonly nonce: string;
}

export interface TurnProof extends TurnChallenge {
  readonly username: string;
  readonly credential: string;
}

/** The answer of a relay. */
export type TurnAnswer =
  | { readonly kind: "success" }
  | {
      readonly kind: "error";
      readonly code: number;
      readonly reason: string;
      readonly challenge: TurnChallenge | undefined;
    };

/** Requests an allocation, the first time without a proof, to get the relay's challenge. */
export const allocateRequest = (proof?: TurnProof): Buffer =>
  request(types.allocate, [attribute(attributes.requestedTransport, Buffer.from([udp, 0, 0, 0]))], proof);

/** Releases the allocation. */
export const releaseRequest = (proof: TurnProof | undefined): Buffer =>
  request(types.refresh, [attribute(attributes.lifetime, Buffer.alloc(4))], proof);

/** Whether the data is a message of the request's transaction. */
export const isAnswerTo = (data: Buffer, asked: Buffer): boolean =>
  data.length >= headerBytes && data.subarray(8, headerBytes).equals(asked.subarray(8, headerBytes));

/** The length of the first message. Undefined before its header is complete. @throws Error when it is not a STUN message */
export function lengthOf(data: Buffer): number | undefined {
  if (data.length < headerBytes) return undefined;
  if (data.readUInt32BE(4) !== magicCookie) throw new Error("what listens there is no relay");
  return headerBytes + data.readUInt16BE(2);
}

export function readAnswer(data: Buffer): TurnAnswer {
  const found = readAttributes(data);
  if ((data.readUInt16BE(0) & 0x0110) === successBit) return { kind: "success" };
  const error = found.get(attributes.errorCode) ?? Buffer.alloc(4);
  const [realm, nonce] = [found.get(attributes.realm), found.get(attributes.nonce)];
  return {
    kind: "error",
    code: ((error[2] ?? 0) & 7) * 100 + (error[3] ?? 0),
    reason: error.subarray(4).toString(),
    challenge:
      realm === undefined || nonce === undefined ? undefined : { realm: realm.toString(), nonce: nonce.toString() },
  };
}

function request(type: number, own: readonly Buffer[], proof: TurnProof | undefined): Buffer {
  const id = randomBytes(12);
  if (proof === undefined) return message(type, id, own);
  const signed = [
    ...own,
    attribute(attributes.username, Buffer.from(proof.username)),
    attribute(attributes.realm, Buffer.from(proof.realm)),
    attribute(attributes.nonce, Buffer.from(proof.nonce)),
  ];
  // The digest covers the message as it is before it, with the length that it has afterwards.
  const placeholder = attribute(attributes.messageIntegrity, Buffer.alloc(20));
  const whole = message(type, id, [...signed, placeholder]);
  const key = createHash("md5").update(`${proof.username}:${proof.realm}:${proof.credential}`).digest();
  const digest = createHmac("sha1", key).update(whole.subarray(0, -placeholder.length)).digest();
  digest.copy(whole, whole.length - digest.length);
  return whole;
}

function message(type: number, id: Buffer, parts: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(
    parts.reduce((sum, { length }) => sum + length, 0),
    2,
  );
  header.writeUInt32BE(magicCookie, 4);
  return Buffer.concat([header, id, ...parts]);
}

function attribute(type: number, value: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(value.length, 2);
  value.copy(padded, 4);
  return padded;
}

function readAttributes(data: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = headerBytes; at + 4 <= data.length; ) {
    const length = data.readUInt16BE(at + 2);
    found.set(data.readUInt16BE(at), data.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return found;
}
