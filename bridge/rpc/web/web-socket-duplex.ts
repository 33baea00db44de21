import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { onOneLine } from "../wire/one-line.ts";

const newline = 0x0a;

/** The close frame that a WebSocket ends with. */
export interface CloseFrame {
  readonly code: number;
  readonly reason: string;
}

/**
 * A WebSocket as a stream of lines: each message that comes in is one, and each line that goes out is one message.
 * @param closing is asked for the close frame once the stream has ended
 */
export function webSocketDuplex(socket: WebSocket, closing: () => CloseFrame): Duplex {
  const duplex = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _, done) => sendLines(socket, chunk, done),
    final(done) {
      const { code, reason } = closing();
      socket.close(code, reason);
      done();
    },
    destroy(error, done) {
      if (socket.readyState !== socket.CLOSED) socket.terminate();
      done(error);
    },
  });
  socket.on("message", (data: Buffer) => {
    // Two pieces, so that a message of the longest length is not copied.
    duplex.push(onOneLine(data));
    if (!duplex.push(Buffer.of(newline))) socket.pause();
  });
  socket.on("error", () => duplex.destroy());
  socket.on("close", () => {
    duplex.push(null);
    duplex.destroy();
  });
  return duplex;
}

/** Sends each line as one message. Every write ends with a newline. */
function sendLines(socket: WebSocket, chunk: Buffer, done: (error?: Error | null) => void): void {
  let start = 0;
  for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
    const isLast = end === chunk.length - 1;
    socket.send(chunk.subarray(start, end), { binary: false }, isLast ? done : undefined);
    start = end + 1;
  }
  if (start < chunk.length) done(new Error("What was written is no whole line"));
}
