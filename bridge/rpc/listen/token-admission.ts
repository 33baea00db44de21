import { createHash, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Logger } from "../../logging/index.ts";
import type { LineServer } from "../ports/line-server.ts";
import { errorText, unknownId } from "../wire/envelope.ts";
import { readFirstMessage } from "./first-message.ts";

export interface TokenAdmissionOptions {
  /** The token that a peer must send in its first message. */
  readonly token: string;
  /** The principal of the token's holder. */
  readonly principal: Principal;
  readonly server: LineServer;
  readonly logger: Logger;
  readonly onRefused: () => void;
  /** Wraps the socket of a peer; the socket itself is read when left out. */
  readonly lines?: ((socket: Socket) => Duplex) | undefined;
}

export interface TokenAdmission {
  admit(socket: Socket): void;
  /** Closes the sockets of peers that have not sent a token yet. */
  close(): void;
}

/** The most peers that have not sent a token yet. Further peers are refused. */
const waitingMax = 256;

/**
 * Admits peers that the system does not identify: on a Windows pipe. There is no penalty for a wrong token: it cannot be guessed, and
 * all peers would pay for it.
 */
export function createTokenAdmission(options: TokenAdmissionOptions): TokenAdmission {
  const { token, principal, server, logger, onRefused } = options;
  const waiting = new Set<Duplex>();
  const expected = digest(token);
  const identify = (shown: string) => {
    if (!timingSafeEqual(digest(shown), expected))
      throw new BridgeError("UNAUTHENTICATED", "The token is not this bridge's");
    return principal;
  };
  const refuse = (socket: Duplex, refusal: BridgeError, answer: string) => {
    logger.warn({ error: refusal }, "A peer was refused");
    onRefused();
    // Unread bytes would reset the connection, and the refusal would be lost.
    socket.resume();
    socket.end(`${answer}\n`, () => socket.destroy());
  };
  const welcome = async (socket: Duplex) => {
    const first = await readFirstMessage(socket, identify);
    waiting.delete(socket);
    if (socket.destroyed) return;
    if ("refusal" in first) {
      refuse(socket, first.refusal, first.answer);
      return;
    }
    socket.write(`${first.answer}\n`);
    server.attach(socket, first.principal);
  };
  return {
    admit(socket) {
      // An error is followed by `close`, which the server handles.
      socket.on("error", () => undefined);
      if (waiting.size >= waitingMax) {
        const refusal = new BridgeError("TOO_MANY_CONNECTIONS", `${waitingMax} other peers have not sent a token yet`);
        refuse(socket, refusal, errorText(unknownId, refusal.toWire()));
        return;
      }
      const peer = options.lines?.(socket) ?? socket;
      waiting.add(peer);
      peer.once("close", () => waiting.delete(peer));
      void welcome(peer);
    },
    close() {
      for (const socket of waiting) socket.destroy();
    },
  };
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
