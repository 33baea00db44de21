import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Principal } from "@armorclaw/protocol";
import type { Clock, Timer } from "../../platform/clock.ts";
import { type HttpFrontOptions, httpHandler } from "./http-front.ts";

export interface HttpTakeoverOptions extends HttpFrontOptions {
  readonly clock: Clock;
  /** The deadline for receiving a whole request. */
  readonly requestDeadlineMs: number;
}

/** Serves one HTTP request on a socket whose first bytes were already read, and then closes the socket. `first` is copied. */
export type HttpTakeover = (socket: Socket, principal: Principal, first: Buffer) => void;

const requestStart = /^(?:GET|POST|PUT|HEAD|OPTIONS|DELETE|PATCH|TRACE|CONNECT) /;
/** Whether a chunk begins with an HTTP method. No JSON text begins with a capital letter. */
export const looksLikeHttp = (chunk: Buffer): boolean => {
  const first = chunk[0] ?? 0;
  return first >= 0x41 && first <= 0x5a && requestStart.test(chunk.toString("latin1", 0, 8));
};

interface TakenOver {
  readonly principal: Principal;
  readonly deadline: Timer;
}

/** Node's HTTP server is loaded for the first request, because most bridges never receive one. */
export function createHttpTakeover(options: HttpTakeoverOptions): HttpTakeover {
  const taken = new WeakMap<Socket, TakenOver>();
  let server: Promise<Server> | undefined;
  return (socket, principal, first) => {
    socket.pause();
    socket.unshift(Buffer.from(first));
    const deadline = options.clock.after(options.requestDeadlineMs, () => socket.destroy());
    socket.once("close", () => deadline.cancel());
    taken.set(socket, { principal, deadline });
    server ??= createHttpServer(options, taken);
    server.then(
      (http) => {
        http.emit("connection", socket);
        socket.resume();
      },
      () => socket.destroy(),
    );
  };
}

async function createHttpServer(options: HttpTakeoverOptions, taken: WeakMap<Socket, TakenOver>): Promise<Server> {
  const { createServer } = await import("node:http");
  const handle = httpHandler(options, (request) => {
    const peer = taken.get(request.socket);
    if (peer === undefined) throw new Error("A request came in by a socket that was not taken over");
    request.once("end", () => peer.deadline.cancel());
    return peer.principal;
  });
  const server = createServer((request, response) => {
    response.shouldKeepAlive = false;
    void handle(request, response);
  });
  server.on("clientError", (_, socket) => socket.destroy());
  return server;
}
