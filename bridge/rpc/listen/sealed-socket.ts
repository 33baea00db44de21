import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { BridgeError } from "@armorclaw/protocol/errors";
import { sealProtocol } from "@armorclaw/protocol/seal";
import type { Logger } from "../../logging/index.ts";
import { looksLikeHttp } from "../http/http-takeover.ts";
import { errorText, unknownId } from "../wire/envelope.ts";
import { sealedLines } from "./sealed-lines.ts";

export interface SocketSealingOptions {
  readonly key: Uint8Array;
  /** The most bytes of one message, before it was sealed. */
  readonly messageBytesMax: number;
  /** The same until a message has opened, where anyone may connect. */
  readonly firstMessageBytesMax?: number | undefined;
  readonly logger: Logger;
  readonly onRefused: () => void;
}

const refusal = new BridgeError(
  "UNAUTHENTICATED",
  "This socket takes sealed messages alone: the client needs the bridge's rpc.seal_key_file",
);

/** Wraps a socket in sealed lines. A peer that does not seal gets an error, as HTTP when it sent an HTTP request. */
export function socketSealing(options: SocketSealingOptions): (socket: Socket) => Duplex {
  const { key, messageBytesMax, firstMessageBytesMax, logger, onRefused } = options;
  return (socket) => {
    // The end of a stream is not sealed: anyone could have made it, and who seals does not half-close.
    socket.once("end", () => socket.destroy());
    return sealedLines(socket, key, {
      lineBytesMax: sealedBytes(messageBytesMax),
      firstLineBytesMax: firstMessageBytesMax === undefined ? undefined : sealedBytes(firstMessageBytesMax),
      answerUnsealed: (line) =>
        looksLikeHttp(Buffer.from(line)) ? httpRefusal() : `${errorText(unknownId, refusal.toWire())}\n`,
      onRefused: (reason) => {
        logger.warn({ reason: reason.message }, "A sealed connection was closed");
        onRefused();
      },
    });
  };
}

/** As base64, with its tag. */
const sealedBytes = (bytes: number): number => Math.ceil((bytes + sealProtocol.tagBytes) / 3) * 4;

const httpRefusal = (): string =>
  [
    "HTTP/1.1 401 Unauthorized",
    "Connection: close",
    "Content-Type: text/plain",
    `Content-Length: ${Buffer.byteLength(refusal.message) + 1}`,
    "",
    `${refusal.message}\n`,
  ].join("\r\n");
