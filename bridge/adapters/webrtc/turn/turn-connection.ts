import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect as connectTcp, isIPv6, type Socket } from "node:net";
import { addAbortSignal } from "node:stream";
import type { Clock } from "../../../platform/clock.ts";
import { isAnswerTo, lengthOf } from "./turn-messages.ts";

export interface TurnAddress {
  readonly host: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls";
}

/** A connection to a relay, for one request after the other. */
export interface TurnConnection extends Disposable {
  /** @throws the system's error, or the signal's reason */
  ask(request: Buffer): Promise<Buffer>;
}

/** A datagram without an answer is sent again: it may be lost. */
const retransmitMs = 500;

/** `turn:HOST:PORT?transport=udp|tcp`, `turns:HOST:PORT`. */
export function parseTurnUrl(url: string): TurnAddress | undefined {
  const match = /^(turns?):(\[[^\]]+\]|[^:?]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/.exec(url);
  if (match === null) return undefined;
  const [, scheme, host = "", port, transport = "udp"] = match;
  return {
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(port ?? (scheme === "turns" ? 5349 : 3478)),
    transport: scheme === "turns" ? "tls" : transport === "tcp" ? "tcp" : "udp",
  };
}

export const openTurnConnection = (address: TurnAddress, clock: Clock, signal: AbortSignal): Promise<TurnConnection> =>
  address.transport === "udp" ? openDatagrams(address, clock, signal) : openStream(address, signal);

async function openDatagrams({ host, port }: TurnAddress, clock: Clock, signal: AbortSignal): Promise<TurnConnection> {
  const { address } = await lookup(host);
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  try {
    const connected = once(socket, "connect", { signal });
    // A connected socket gets an error when nothing listens at the port.
    socket.connect(port, address);
    await connected;
  } catch (error) {
    socket.close();
    throw error;
  }
  return {
    async ask(request) {
      using stack = new DisposableStack();
      const timer = clock.every(retransmitMs, () => socket.send(request));
      stack.defer(() => timer.cancel());
      socket.send(request);
      for (;;) {
        const [data] = (await once(socket, "message", { signal })) as [Buffer];
        if (isAnswerTo(data, request)) return data;
      }
    },
    [Symbol.dispose]: () => void socket.close(),
  };
}

async function openStream({ host, port, transport }: TurnAddress, signal: AbortSignal): Promise<TurnConnection> {
  const socket: Socket =
    transport === "tls"
      ? process.getBuiltinModule("node:tls").connect({ host, port, servername: host })
      : connectTcp({ host, port });
  try {
    await once(socket, transport === "tls" ? "secureConnect" : "connect", { signal });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  addAbortSignal(signal, socket);
  const pieces: AsyncIterator<Buffer> = socket[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  return {
    async ask(request) {
      socket.write(request);
      for (;;) {
        const length = lengthOf(held);
        if (length !== undefined && held.length >= length) {
          const answer = held.subarray(0, length);
          held = held.subarray(length);
          if (isAnswerTo(answer, request)) return answer;
        } else {
          const { value, done } = await pieces.next();
          if (done === true) throw new Error("it closed the connection");
          held = Buffer.concat([held, value]);
        }
      }
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
