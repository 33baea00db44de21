import { limits } from "@armorclaw/protocol/limits";
import { isPipePath } from "@armorclaw/protocol/pipe";
import type { SocketOptions } from "../types.ts";
import { answeredFirst } from "./first-call.ts";
import { pipeTransport } from "./pipe-transport.ts";
import { sealed } from "./sealed-transport.ts";
import { socketTransport } from "./socket-transport.ts";
import type { OpenTransport } from "./transport.ts";

/** The longest reply is a third longer once it is sealed, and other lines may be sealed with it. */
const sealedLineBytesMax = 1.5 * limits.replyBytesMax;

const ping = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "rpc.ping" });

/** The bridge's own socket, or its pipe on Windows. */
export function localTransport({ socketPath, sealKey }: SocketOptions): OpenTransport {
  const open =
    sealKey === undefined
      ? socketTransport(socketPath)
      : sealed(socketTransport(socketPath, sealedLineBytesMax), sealKey);
  if (isPipePath(socketPath)) return pipeTransport(socketPath, open);
  // Whether both ends have the same key shows at the first answer, and is to show when the connection is made.
  return sealKey === undefined ? open : answeredFirst(open, async () => ping);
}
