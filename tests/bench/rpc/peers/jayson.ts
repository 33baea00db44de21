import { once } from "node:events";
import jayson from "jayson";
import { connectLines } from "../line-client.ts";
import type { Peer } from "../peer.ts";

async function serve(path: string): Promise<void> {
  const server = new jayson.Server({
    echo: (params: unknown, done: (error: null, result: unknown) => void) => done(null, params),
  }).tcp();
  server.on("connection", (socket) => socket.on("error", () => undefined));
  await once(server.listen(path), "listening");
}

const onEvent = () => undefined;

/** Uses jayson's own client, which opens a connection for each request. */
export const jaysonOwn: Peer = {
  pushes: false,
  serve,
  async connect(path) {
    const client = jayson.Client.tcp({ path, port: 0 } as jayson.TcpClientOptions);
    return {
      onEvent,
      request: (method, params) =>
        new Promise((resolve, reject) => {
          client.request(method, params as object, (error: unknown, reply: { result: unknown }) => {
            if (error) reject(error);
            else resolve(reply.result);
          });
        }),
    };
  },
};

/** Uses a client that keeps its connection. */
export const jaysonKept: Peer = { pushes: false, serve, connect: (path) => connectLines(path, false) };
