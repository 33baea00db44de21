import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { createMessageConnection, SocketMessageReader, SocketMessageWriter } from "vscode-jsonrpc/node";
import { eventOf, type Peer } from "../peer.ts";

const connectionOf = (socket: Socket) => {
  const connection = createMessageConnection(new SocketMessageReader(socket), new SocketMessageWriter(socket));
  connection.onError(() => undefined);
  return connection;
};

export const vscodeJsonRpc: Peer = {
  pushes: true,
  async serve(path) {
    const subscribers = new Set<ReturnType<typeof connectionOf>>();
    let seq = 0;
    const server = createServer((socket) => {
      const connection = connectionOf(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => subscribers.delete(connection));
      connection.onRequest("echo", (params: unknown) => params);
      connection.onRequest("subscribe", () => subscribers.add(connection).size > 0);
      connection.onRequest("publish", () => {
        seq += 1;
        for (const subscriber of subscribers) void subscriber.sendNotification("event", eventOf(seq));
        return true;
      });
      connection.listen();
    });
    await once(server.listen(path), "listening");
  },
  async connect(path) {
    const socket = connect(path);
    await once(socket, "connect");
    const connection = connectionOf(socket);
    connection.listen();
    return {
      request: (method, params) => connection.sendRequest(method, params),
      onEvent: (listener) => void connection.onNotification("event", listener),
    };
  },
};
