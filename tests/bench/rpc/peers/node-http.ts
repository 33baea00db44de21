import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { text } from "node:stream/consumers";
import type { Peer } from "../peer.ts";

const headersOf = (body: string) => ({
  "content-type": "application/json",
  "content-length": Buffer.byteLength(body),
});

/** JSON-RPC in HTTP over the Unix socket, with connections kept alive. */
export const nodeHttp: Peer = {
  pushes: false,
  async serve(path) {
    const server = createServer(async (incoming, outgoing) => {
      const { id, params } = JSON.parse(await text(incoming));
      const body = JSON.stringify({ jsonrpc: "2.0", id, result: params });
      outgoing.writeHead(200, headersOf(body)).end(body);
    });
    server.keepAliveTimeout = 60_000;
    await once(server.listen(path), "listening");
  },
  async connect(path, inFlight) {
    const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
    let lastId = 0;
    return {
      onEvent: () => undefined,
      request: (method, params) =>
        new Promise((resolve, reject) => {
          lastId += 1;
          const body = JSON.stringify({ jsonrpc: "2.0", id: lastId, method, params });
          const call = request({ socketPath: path, path: "/", method: "POST", agent, headers: headersOf(body) });
          call.on("error", reject);
          call.on("response", (reply) => {
            text(reply).then((answer) => resolve(JSON.parse(answer).result), reject);
          });
          call.end(body);
        }),
    };
  },
};
