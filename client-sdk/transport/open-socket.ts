import { createConnection, type NetConnectOpts, type OnReadOpts, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** The shortest pause before the next attempt to connect to a busy bridge. The longest is twice this. */
const busyPauseMs = 10;

/** Options of a socket besides its path. */
export interface SocketOptions {
  /** The other side's half-close leaves our half open. */
  readonly allowHalfOpen?: boolean;
  /** Reads into one buffer, and makes no `data` events. */
  readonly onread?: OnReadOpts;
}

/** Opens a socket. `EAGAIN` means that the bridge's accept queue is full, so the attempt is repeated until `signal` aborts. */
export async function openSocket(path: string, signal: AbortSignal, options: SocketOptions = {}): Promise<Socket> {
  for (;;) {
    try {
      return await connectOnce({ ...options, path }, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await pause(busyPauseMs * (1 + Math.random()), undefined, { signal });
    }
  }
}

function connectOnce(options: NetConnectOpts, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = createConnection(options);
    const onAbort = () => socket.destroy(signal.reason);
    signal.addEventListener("abort", onAbort);
    socket.once("error", reject);
    socket.once("close", () => signal.removeEventListener("abort", onAbort));
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
