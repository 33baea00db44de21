import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { JSONRPCClient, JSONRPCServer } from "json-rpc-2.0";
import { eventOf, type Peer } from "../peer.ts";

/** The library as its manual uses it. */
export const jsonRpcNaive: Peer = {
  pushes: true,
  async serve(path) {
    const subscribers = new Set<Socket>();
    let seq = 0;
    const rpc = new JSONRPCServer<Socket>();
    rpc.addMethod("echo", (params) => params);
    rpc.addMethod("subscribe", (_, socket) => {
      subscribers.add(socket);
      return true;
    });
    rpc.addMethod("publish", () => {
      seq += 1;
      const event = { jsonrpc: "2.0", method: "event", params: eventOf(seq) };
      for (const subscriber of subscribers) subscriber.write(`${JSON.stringify(event)}\n`);
      return true;
    });
    const server = createServer((socket) => {
      let partial = "";
      socket.on("error", () => undefined);
      socket.on("close", () => subscribers.delete(socket));
      const answer = async (line: string) => {
        const reply = await rpc.receiveJSON(line, socket);
        if (reply !== null) socket.write(`${JSON.stringify(reply)}\n`);
      };
      socket.setEncoding("utf8").on("data", (text: string) => {
        const lines = (partial + text).split("\n");
        partial = lines.pop() ?? "";
        for (const line of lines) void answer(line);
      });
    });
    await once(server.listen(path), "listening");
  },
  async connect(path) {
    const socket = connect(path);
    await once(socket, "connect");
    let onEvent: () => void = () => undefined;
    const rpc = new JSONRPCClient(async (request) => {
      socket.write(`${JSON.stringify(request)}\n`);
    });
    createInterface({ input: socket }).on("line", (line) => {
      const message = JSON.parse(line);
      if (message.method === undefined) rpc.receive(message);
      else onEvent();
    });
    return {
      request: async (method, params) => await rpc.request(method, params),
      onEvent(listener) {
        onEvent = listener;
      },
    };
  },
};
