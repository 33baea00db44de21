import { limits } from "@armorclaw/protocol/limits";
import { isPipePath } from "@armorclaw/protocol/pipe";
import type { SocketOptions } from "../types/options.ts";
import { answeredFirst } from "./first-call.ts";
import { pipeTransport } from "./pipe-transport.ts";
import { sealed } from "./sealed-transport.ts";
import { socketTransport } from "./socket-transport.ts";
import type { OpenTransport } from "./transport.ts";
import { trustedSocket } from "./trusted-socket.ts";

/** The longest reply is a third longer once it is sealed, and other lines may be sealed with it. */
const sealedLineBytesMax = 1.5 * limits.replyBytesMax;

const ping = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "rpc.ping" });

/** Opens the bridge's own socket, or its pipe on Windows. */
export function localTransport({ socketPath, sealKey, serverUid }: SocketOptions): OpenTransport {
  const socket = (lineBytesMax?: number) =>
    isPipePath(socketPath)
      ? socketTransport(socketPath, lineBytesMax)
      : trustedSocket(socketPath, serverUid, socketTransport(socketPath, lineBytesMax));
  const open = sealKey === undefined ? socket() : sealed(socket(sealedLineBytesMax), sealKey);
  if (isPipePath(socketPath)) return pipeTransport(socketPath, open);
  // Only an answer shows that both ends have the same key, so the transport opens after the answer to a ping.
  return sealKey === undefined ? open : answeredFirst(open, async () => ping);
}
