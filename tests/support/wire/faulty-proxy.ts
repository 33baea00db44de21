import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { listenOnLoopback } from "../loopback.ts";

/** The fault of the proxy. `answer-lost`: the server gets the request, and the client gets no answer. `sync-stalls`: a sync is never answered. */
export type Fault =
  | "none"
  | "refuse"
  | "black-hole"
  | "status-502"
  | "status-429"
  | "slow"
  | "answer-lost"
  | "sync-stalls"
  | "cut-mid-answer";

export interface FaultyProxy extends AsyncDisposable {
  readonly url: string;
  fault: Fault;
  /** The number of requests that met a fault. */
  readonly hits: number;
  /** All requests. */
  readonly requests: number;
  /** The number of syncs that will never be answered. */
  readonly stalled: number;
}

/**
 * An HTTP proxy in front of a server, which can inject the faults of networks and servers.
 * @param isHeld requests to these are never answered
 */
export async function startFaultyProxy(
  targetPort: number,
  isHeld: (url: string) => boolean = () => false,
): Promise<FaultyProxy> {
  const state = { fault: "none" as Fault, hits: 0, requests: 0, stalled: 0 };
  const held = new Set<ServerResponse>();
  const server = createServer((incoming, answer) => {
    const { fault } = state;
    state.requests += 1;
    if (isHeld(incoming.url ?? "")) return;
    if (fault !== "none") state.hits += 1;
    switch (fault) {
      case "refuse":
        return void incoming.socket.destroy();
      case "black-hole":
        held.add(answer);
        return;
      case "sync-stalls":
        // The request stays open even after the fault, like a connection that a middlebox has forgotten.
        if (!incoming.url?.includes("/sync?")) return void forward(incoming, answer, targetPort, fault);
        state.stalled += 1;
        return;
      case "status-502":
        answer.writeHead(502, { "content-type": "text/html" });
        return void answer.end("<h1>Bad gateway</h1>");
      case "status-429":
        answer.writeHead(429, { "content-type": "application/json" });
        return void answer.end(
          JSON.stringify({ errcode: "M_LIMIT_EXCEEDED", error: "slow down", retry_after_ms: 300 }),
        );
      case "slow":
        return void AbortSignal.timeout(1500).addEventListener("abort", () =>
          forward(incoming, answer, targetPort, fault),
        );
      default:
        forward(incoming, answer, targetPort, fault);
    }
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    get fault() {
      return state.fault;
    },
    set fault(next) {
      state.fault = next;
      // Hanging requests are closed when the fault ends, as by a firewall that forgets its connections.
      if (next === "none") for (const answer of held) answer.destroy();
      held.clear();
      // A partition also ends the long poll in flight.
      if (next !== "none" && next !== "slow" && next !== "sync-stalls") server.closeAllConnections();
    },
    get hits() {
      return state.hits;
    },
    get requests() {
      return state.requests;
    },
    get stalled() {
      return state.stalled;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function forward(incoming: IncomingMessage, answer: ServerResponse, port: number, fault: Fault): void {
  const { method = "GET", url = "/", headers } = incoming;
  const onward = request({ host: "127.0.0.1", port, method, path: url, headers }, (reply) => {
    if (fault === "answer-lost") {
      reply.resume();
      answer.destroy();
      return;
    }
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    if (fault === "cut-mid-answer") {
      answer.write("{", () => answer.destroy());
      reply.resume();
      return;
    }
    reply.pipe(answer);
  });
  onward.on("error", () => answer.destroy());
  answer.on("close", () => onward.destroy());
  incoming.pipe(onward);
}
