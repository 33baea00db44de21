import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock, Timer } from "../../../platform/clock.ts";

/** The start of an agent that an endpoint serves. */
export interface EndpointHolder {
  readonly agentId: string;
  readonly loop: string;
  readonly epoch: number;
}

interface Connection {
  readonly holder: EndpointHolder;
  /** Requests without a whole answer; more than one when the agent pipelines. */
  requests: number;
  headDeadline: Timer | undefined;
}

interface Waiting {
  readonly socket: Socket;
  readonly holder: EndpointHolder;
  /** Takes it out of the queue. */
  leave(): void;
}

/** From the first moment of a connection, or the end of its last answer, to the end of the next request's header. */
const headMs = 60_000;

export interface ConnectionLimits {
  /** Connections of one agent that are served at the same time. */
  readonly served: number;
  /** Connections of one agent that wait until another one ends. */
  readonly waiting: number;
  /** Of all agents, served or waiting. */
  readonly total: number;
}

/** More than any SDK opens. */
const defaultLimits: ConnectionLimits = { served: 256, waiting: 64, total: 2_048 };

/** The connections at the model endpoint, bounded for each agent and for all. A connection beyond its agent's bound waits until another one is idle or ends. */
export class EndpointConnections {
  readonly #clock: Clock;
  readonly #serve: (socket: Socket) => void;
  readonly #limits: ConnectionLimits;
  readonly #connections = new WeakMap<Socket, Connection>();
  readonly #served = new Map<string, Set<Socket>>();
  readonly #waiting = new Map<string, Set<Waiting>>();
  #total = 0;

  constructor(clock: Clock, serve: (socket: Socket) => void, limits: Partial<ConnectionLimits> = {}) {
    this.#clock = clock;
    this.#serve = serve;
    this.#limits = { ...defaultLimits, ...limits };
  }

  accept(socket: Socket, holder: EndpointHolder): void {
    const served = this.#served.get(holder.agentId)?.size ?? 0;
    const waiting = this.#waiting.get(holder.agentId)?.size ?? 0;
    if (this.#total >= this.#limits.total || waiting >= this.#limits.waiting) {
      socket.destroy();
      return;
    }
    this.#total += 1;
    socket.once("close", () => {
      this.#total -= 1;
    });
    if (served < this.#limits.served) this.#open(socket, holder);
    else this.#wait(socket, holder);
  }

  /** Ends all connections. */
  close(): void {
    for (const waiting of this.#waiting.values()) for (const { socket } of waiting) socket.destroy();
    for (const sockets of this.#served.values()) for (const socket of sockets) socket.destroy();
  }

  /** Ends the connections of one start of an agent. */
  closeOf(agentId: string, epoch: number): void {
    for (const { socket, holder } of this.#waiting.get(agentId) ?? []) if (holder.epoch === epoch) socket.destroy();
    for (const socket of this.#served.get(agentId) ?? [])
      if (this.#connections.get(socket)?.holder.epoch === epoch) socket.destroy();
  }

  /** A request's header has come. @returns whose it is, or undefined for a connection that this endpoint did not accept */
  began({ socket }: IncomingMessage, response: ServerResponse): EndpointHolder | undefined {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return undefined;
    connection.requests += 1;
    connection.headDeadline?.cancel();
    response.once("close", () => {
      connection.requests -= 1;
      this.#awaitHead(socket, connection);
      if (this.#waiting.has(connection.holder.agentId)) this.#closeIdle(connection.holder.agentId);
    });
    return connection.holder;
  }

  #open(socket: Socket, holder: EndpointHolder): void {
    const { agentId } = holder;
    const connection: Connection = { holder, requests: 0, headDeadline: undefined };
    const own = this.#served.get(agentId) ?? new Set();
    this.#served.set(agentId, own.add(socket));
    socket.once("close", () => {
      own.delete(socket);
      connection.headDeadline?.cancel();
      if (own.size === 0) this.#served.delete(agentId);
      this.#openNext(agentId);
    });
    this.#connections.set(socket, connection);
    this.#awaitHead(socket, connection);
    this.#serve(socket);
  }

  /** Nothing of the connection is read before it is served. */
  #wait(socket: Socket, holder: EndpointHolder): void {
    const { agentId } = holder;
    const own = this.#waiting.get(agentId) ?? new Set();
    const deadline = this.#clock.after(headMs, () => socket.destroy());
    const waiting: Waiting = {
      socket,
      holder,
      leave: () => {
        deadline.cancel();
        own.delete(waiting);
        if (own.size === 0) this.#waiting.delete(agentId);
      },
    };
    this.#waiting.set(agentId, own.add(waiting));
    socket.once("close", waiting.leave);
    this.#closeIdle(agentId);
  }

  /** The connection that was idle for the longest time makes room. A client opens a new one for its next request. */
  #closeIdle(agentId: string): void {
    for (const socket of this.#served.get(agentId) ?? []) {
      if ((this.#connections.get(socket)?.requests ?? 0) > 0) continue;
      socket.destroy();
      return;
    }
  }

  #openNext(agentId: string): void {
    const [next] = this.#waiting.get(agentId) ?? [];
    if (next === undefined || (this.#served.get(agentId)?.size ?? 0) >= this.#limits.served) return;
    next.leave();
    next.socket.off("close", next.leave);
    this.#open(next.socket, next.holder);
  }

  /** A server that never listens does not apply Node's own deadlines for headers and requests. */
  #awaitHead(socket: Socket, connection: Connection): void {
    connection.headDeadline?.cancel();
    if (socket.destroyed || connection.requests > 0) return;
    connection.headDeadline = this.#clock.after(headMs, () => socket.destroy());
  }
}
