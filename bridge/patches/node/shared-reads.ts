import { Socket, type SocketConstructorOpts } from "node:net";

/** A Unix socket holds some 208 KiB, so that one read takes all there is. */
const readBytesMax = 256 * 1024;

/**
 * Makes sockets that read into one buffer between them, where each read of Node's own allocates 64 KiB: a third of what a small
 * call costs. Takes an accepted socket that has not been read from, and returns the one to use in its place, which is paused.
 *
 * A chunk is valid only while its `data` event lasts: who keeps bytes copies them.
 */
export function sharedReads(): (accepted: Socket) => Socket {
  const buffer = Buffer.allocUnsafeSlow(readBytesMax);
  return (accepted) => {
    const handle = takeHandle(accepted);
    if (handle === undefined) return accepted;
    const callback = (bytes: number) => {
      socket.emit("data", buffer.subarray(0, bytes));
      return true;
    };
    const options = { handle, allowHalfOpen: true, manualStart: true, onread: { buffer, callback } };
    // A server also creates its sockets by `handle` and `manualStart`; only an accepted socket has no option for its reads.
    const socket: Socket = new Socket(options as SocketConstructorOpts);
    return socket.pause();
  };
}

/** Takes the connection out of its socket, which is left empty and closed. */
function takeHandle(accepted: Socket): object | undefined {
  const holder = accepted as Socket & { _handle?: object | null };
  const handle = holder._handle ?? undefined;
  if (handle === undefined) return undefined;
  holder._handle = null;
  accepted.destroy();
  return handle;
}
