import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { connectLines } from "../line-client.ts";
import { eventOf, type Peer } from "../peer.ts";

/** Newline JSON without checks or bounds, one write per answer. It is the goal. */
export const rawJson: Peer = {
  pushes: true,
  async serve(path) {
    const subscribers = new Set<Socket>();
    let seq = 0;
    const resultOf = (method: string, params: unknown, socket: Socket): unknown => {
      if (method === "subscribe") subscribers.add(socket);
      if (method === "publish") {
        seq += 1;
        const line = `${JSON.stringify({ jsonrpc: "2.0", method: "event", params: eventOf(seq) })}\n`;
        for (const subscriber of subscribers) subscriber.write(line);
      }
      return method === "echo" ? params : true;
    };
    const server = createServer((socket) => {
      let partial = "";
      socket.on("error", () => undefined);
      socket.on("close", () => subscribers.delete(socket));
      socket.setEncoding("utf8").on("data", (text: string) => {
        const whole = partial === "" ? text : partial + text;
        let start = 0;
        for (let end = whole.indexOf("\n"); end !== -1; end = whole.indexOf("\n", start)) {
          const { id, method, params } = JSON.parse(whole.slice(start, end));
          start = end + 1;
          socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, result: resultOf(method, params, socket) })}\n`);
        }
        partial = whole.slice(start);
      });
    });
    await once(server.listen(path), "listening");
  },
  connect: (path) => connectLines(path, false),
};
