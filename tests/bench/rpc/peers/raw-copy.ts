import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Peer } from "../peer.ts";

const pieceBytes = 256 * 1024;

/** Sends raw bytes as fast as the socket accepts them, which is the limit of any stream. A line states the number of bytes. */
export const rawCopy: Peer = {
  pushes: false,
  loads: ["stream_100_mib"],
  async serve(path) {
    const piece = Buffer.alloc(pieceBytes, 7);
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", async (line: Buffer) => {
        for (let left = Number(line); left > 0; left -= piece.length)
          if (!socket.write(piece.subarray(0, Math.min(left, piece.length)))) await once(socket, "drain");
        socket.end();
      });
    });
    await once(server.listen(path), "listening");
  },
  async connect(path) {
    return {
      request: () => Promise.reject(new Error("It copies bytes and nothing else")),
      onEvent: () => undefined,
      async stream(bytes) {
        const socket = connect(path);
        socket.write(`${bytes}\n`);
        let received = 0;
        socket.on("data", (chunk: Buffer) => {
          received += chunk.length;
        });
        await once(socket, "end");
        return received;
      },
    };
  },
};
