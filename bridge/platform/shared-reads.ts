import { Socket } from "node:net";
import type { NativeCalls } from "./peer-credentials.ts";

/** A Unix socket holds some 208 KiB, so that one read takes all there is. */
const readBytesMax = 256 * 1024;

/**
 * Makes sockets that read into one buffer between them, where each read of Node's own allocates 64 KiB: a third of what a small
 * call costs. Takes an accepted socket that has not been read from, and returns the one to use in its place, which is paused.
 *
 * A chunk is valid only while its `data` event lasts: who keeps bytes copies them. Without native calls the socket is returned
 * as it is.
 */
export function sharedReads(native: NativeCalls | undefined): (accepted: Socket) => Socket {
  if (native === undefined) return (accepted) => accepted;
  const buffer = Buffer.allocUnsafeSlow(readBytesMax);
  return (accepted) => {
    const fd = native.duplicate(accepted);
    if (fd === undefined) return accepted;
    accepted.destroy();
    const callback = (bytes: number) => {
      socket.emit("data", buffer.subarray(0, bytes));
      return true;
    };
    const socket: Socket = new Socket({ fd, allowHalfOpen: true, onread: { buffer, callback } });
    return socket.pause();
  };
}
