import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Logger } from "../../logging/index.ts";
import { descriptorOf } from "../../patches/node/socket-descriptor.ts";
import { BoundedMap } from "../../platform/bounded-map.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { CallPolicy } from "../dispatch/call-policy.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import type { InFlight } from "../dispatch/in-flight.ts";
import { type LocalCaller, LocalCallers, type LocalService } from "../dispatch/local-caller.ts";
import type { MethodTable } from "../dispatch/method-table.ts";
import type { RunningCall } from "../dispatch/running-call.ts";
import { createHttpTakeover, type HttpTakeover } from "../http/http-takeover.ts";
import { defaultRpcLimits, type RpcLimits } from "../ports/limits.ts";
import type { LineServer } from "../ports/line-server.ts";
import { Flusher } from "../wire/flusher.ts";
import { JoinedLines } from "../wire/joined-lines.ts";
import { LineBuffers } from "../wire/line-buffers.ts";
import { LongBuffers } from "../wire/long-buffers.ts";
import { Connection } from "./connection.ts";
import type { LongWork } from "./connection-deps.ts";
import { PrincipalShare } from "./principal-share.ts";

export interface RpcServerOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits?: Partial<RpcLimits>;
  /** Distinguishes a disconnected peer from a half-closed one. Without it, the calls of a disconnected peer run until they write or time out. */
  readonly hasHungUp?: ((socket: Socket) => boolean) | undefined;
  /** The most files that the process may have open. */
  readonly descriptorsMax?: number | undefined;
  /** Called with work for one peer that kept the thread for long. */
  readonly onLongWork?: (work: LongWork) => void;
  /** Checks results, stream items and errors against the contract, in tests and development. */
  readonly validateResults?: boolean;
}

/** The methods of a server. */
export interface ServedMethods {
  readonly table: MethodTable;
  readonly policy?: CallPolicy;
  /** Turns on HTTP on the sockets of people. */
  readonly pages?: HttpPages | undefined;
}

/** What HTTP answers besides calls: `GET /health` and `GET /metrics`. */
export interface HttpPages {
  readonly health: (principal: Principal) => unknown;
  readonly metrics: (principal: Principal) => Promise<string>;
}

export interface RpcStats {
  readonly connections: number;
  readonly accepted: number;
  /** Refused because the principal had the most connections that it may have. */
  readonly refused: number;
  /** Closed in favour of a new connection before they had sent a line. */
  readonly evicted: number;
  /** Closed because the peer exceeded a limit or sent HTTP. */
  readonly cut: number;
  /** Closed because the peer did not read. */
  readonly slowConsumers: number;
  /** Lines that were no requests. */
  readonly invalid: number;
}

/** Serves the methods of a contract to attached peers and to local callers. */
export interface RpcServer extends LineServer {
  /** Gives the server its methods. Call it once, before the first `attach`. */
  serve(methods: ServedMethods): void;
  /** Makes calls for principals without a connection. */
  readonly local: LocalCaller;
  /** Serves one peer. The caller has established who it is. */
  attach(lines: Duplex, principal: Principal, onEnding?: (reason: BridgeError) => void): void;
  /** Refuses writes, ends streams, and lets the calls in flight finish until `deadline` aborts. */
  drain(deadline: AbortSignal): Promise<void>;
  /** Ends every connection of one principal, by its id. @returns how many there were */
  disconnect(principal: string): number;
  /** The principal of an open connection, by its id. */
  connected(id: string): Principal | undefined;
  /** Ends every connection. Idempotent. */
  close(): Promise<void>;
  readonly stats: RpcStats;
}

/** How long a peer may take to read the last lines of a closing connection. */
const lingerMs = 1_000;
/** The number of sweeps within the shortest deadline. */
const sweepsPerDeadline = 4;

export function createRpcServer(options: RpcServerOptions): RpcServer {
  return new Server(options);
}

const hasExpired = (principal: Principal, now: number): boolean =>
  "expiresAtMs" in principal && principal.expiresAtMs !== undefined && principal.expiresAtMs <= now;

/** The last file descriptors, which the bridge keeps for its own work, and those that it keeps for the operator's connections too. */
const operatorDescriptors = 64;
const othersDescriptors = 128;

/** Principals whose shares are kept. */
const sharesMax = 10_000;

/** The connections of one principal. */
interface Group {
  readonly share: PrincipalShare;
  readonly connections: Set<Connection>;
}

class Server implements RpcServer {
  readonly #options: RpcServerOptions;
  readonly #limits: RpcLimits;
  readonly #local: LocalCallers;
  readonly #longBuffers = new LongBuffers();
  readonly #lineBuffers = new LineBuffers(this.#longBuffers);
  readonly #joinedLines = new JoinedLines();
  readonly #flusher = new Flusher();
  /** By principal id. Connections that are closing are in no group. */
  readonly #groups = new Map<string, Group>();
  readonly #open = new Set<Connection>();
  readonly #shares = new BoundedMap<string, PrincipalShare>(sharesMax);
  #service: LocalService | undefined;
  #http: HttpTakeover | undefined;
  readonly #sweeper: Timer;
  readonly #lingering = new Set<Timer>();
  readonly #counts = { connections: 0, accepted: 0, refused: 0, evicted: 0, cut: 0, slowConsumers: 0, invalid: 0 };
  /** Created once, because a flood of connections would create one error for each. */
  readonly #eviction = new BridgeError(
    "TOO_MANY_CONNECTIONS",
    "New connections needed the slot of this connection, which had sent nothing",
  );
  readonly #expiry = new BridgeError("UNAUTHENTICATED", "The token that opened this connection has expired");
  readonly #correlationPrefix = randomBytes(4).toString("hex");
  #correlations = 0;
  readonly #nextCorrelationId = () => `${this.#correlationPrefix}-${++this.#correlations}`;
  #connectionIds = 0;
  #onSettled: (() => void) | undefined;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultRpcLimits, ...options.limits };
    this.#local = new LocalCallers({
      service: () => this.#served(),
      limits: this.#limits,
      clock: options.clock,
      lineBuffers: this.#lineBuffers,
      nextCorrelationId: this.#nextCorrelationId,
      onSettled: () => this.#onSettled?.(),
    });
    const { writeDeadlineMs, lineDeadlineMs, callDeadlineMs } = this.#limits;
    const shortest = Math.min(writeDeadlineMs, lineDeadlineMs, callDeadlineMs) / sweepsPerDeadline;
    const { clock } = options;
    const sweep = () => this.#sweep(clock.monotonic(), clock.now());
    this.#sweeper = clock.every(Math.max(10, Math.min(1_000, shortest)), sweep);
  }

  get local(): LocalCaller {
    return this.#local;
  }

  get stats(): RpcStats {
    return { ...this.#counts };
  }

  serve({ table: declared, policy = {}, pages }: ServedMethods): void {
    assert(this.#service === undefined, "A server serves its methods once");
    const { logger, clock, validateResults } = this.#options;
    const table = validateResults === true ? declared.checked() : declared;
    const limits = this.#limits;
    this.#service = { table, dispatcher: new Dispatcher({ table, limits, logger, clock, policy }) };
    if (pages === undefined) return;
    const { frameBytesMax: bodyBytesMax, lineDeadlineMs: requestDeadlineMs } = limits;
    this.#http = createHttpTakeover({ rpc: this, clock, bodyBytesMax, requestDeadlineMs, ...pages });
  }

  attach(socket: Duplex, principal: Principal, onEnding?: (reason: BridgeError) => void): void {
    const group = this.#groupOf(principal);
    const { connectionsMax, agentConnectionsMax } = this.#limits;
    const most = principal.kind === "agent" ? agentConnectionsMax : connectionsMax;
    const isScarce = this.#isScarce(socket, principal);
    const hasRoom = (group.connections.size < most && !isScarce) || this.#evictSilent(group);
    const connection = this.#connect(socket, principal, { group, onEnding });
    if (hasRoom) {
      group.connections.add(connection);
      this.#counts.accepted += 1;
      return;
    }
    this.#counts.refused += 1;
    const why = isScarce
      ? "The bridge keeps its last file descriptors for its operator and itself"
      : `${principal.id} has ${most} connections, which is the most`;
    connection.cut(new BridgeError("TOO_MANY_CONNECTIONS", why));
  }

  async drain(deadline: AbortSignal): Promise<void> {
    if (this.#service !== undefined) this.#service.dispatcher.refusesWrites = true;
    const reason = new BridgeError("SHUTTING_DOWN");
    // A stream that only reads may never end by itself, for example a followed log.
    const isReadStream = ({ entry }: RunningCall) => entry.isStreaming && !entry.isWrite;
    for (const inFlight of this.#allInFlight()) inFlight.interruptAll(reason, isReadStream);
    await this.#settled(deadline);
    for (const inFlight of this.#allInFlight()) inFlight.interruptAll(reason);
  }

  disconnect(principal: string): number {
    const connections = [...(this.#groups.get(principal)?.connections ?? [])];
    for (const connection of connections)
      connection.cut(new BridgeError("CANCELLED", "A right of this principal was revoked; connect again"));
    return connections.length;
  }

  connected(id: string): Principal | undefined {
    return this.#groups.get(id)?.connections.values().next().value?.principal;
  }

  async close(): Promise<void> {
    this.#sweeper.cancel();
    const closing = [...this.#open].map((connection) => {
      const closed = new Promise<void>((resolve) => connection.onClose(resolve));
      connection.end(new BridgeError("SHUTTING_DOWN"));
      this.#destroyLater(connection);
      return closed;
    });
    await Promise.all(closing);
    for (const timer of this.#lingering) timer.cancel();
  }

  #connect(
    socket: Duplex,
    principal: Principal,
    { group, onEnding }: { readonly group: Group; readonly onEnding: ((reason: BridgeError) => void) | undefined },
  ): Connection {
    const connection = new Connection(socket, {
      id: ++this.#connectionIds,
      principal,
      share: group.share,
      dispatcher: this.#served().dispatcher,
      lineBuffers: this.#lineBuffers,
      longBuffers: this.#longBuffers,
      joinedLines: this.#joinedLines,
      flusher: this.#flusher,
      limits: this.#limits,
      monotonic: () => this.#options.clock.monotonic(),
      after: (ms, callback) => this.#options.clock.after(ms, callback),
      onLongWork: (work) => this.#options.onLongWork?.(work),
      onInvalid: () => {
        this.#counts.invalid += 1;
      },
      nextCorrelationId: this.#nextCorrelationId,
      hasHungUp: this.#options.hasHungUp,
      http: principal.kind === "agent" ? undefined : this.#http,
      onSettled: () => this.#onSettled?.(),
      onEnding,
      onCut: (reason, isSlow) => {
        group.connections.delete(connection);
        this.#counts[isSlow ? "slowConsumers" : "cut"] += 1;
        this.#options.logger.warn({ principal: principal.id, reason: reason.message }, "A connection was closed");
        this.#destroyLater(connection);
      },
    });
    socket.resume();
    this.#open.add(connection);
    this.#counts.connections += 1;
    connection.onClose(() => {
      this.#open.delete(connection);
      this.#counts.connections -= 1;
      group.connections.delete(connection);
      if (group.connections.size === 0) this.#groups.delete(principal.id);
      this.#onSettled?.();
    });
    return connection;
  }

  #sweep(monotonic: number, now: number): void {
    this.#local.expire(monotonic);
    for (const connection of this.#open) {
      if (hasExpired(connection.principal, now)) connection.cut(this.#expiry);
      connection.sweep(monotonic);
    }
  }

  #groupOf(principal: Principal): Group {
    let group = this.#groups.get(principal.id);
    if (group === undefined) {
      group = { connections: new Set(), share: this.#shareOf(principal) };
      this.#groups.set(principal.id, group);
    }
    return group;
  }

  /** The kernel gives the lowest free number, so a high one means that few are left. The operator may use most of these. */
  #isScarce(socket: Duplex, principal: Principal): boolean {
    const { descriptorsMax } = this.#options;
    if (descriptorsMax === undefined || !(socket instanceof Socket)) return false;
    const kept = Math.min(principal.kind === "user" ? operatorDescriptors : othersDescriptors, descriptorsMax / 4);
    return descriptorOf(socket) >= descriptorsMax - kept;
  }

  #shareOf({ id }: Principal): PrincipalShare {
    let share = this.#shares.get(id);
    share ??= new PrincipalShare(this.#limits, this.#options.clock);
    this.#shares.set(id, share);
    return share;
  }

  #evictSilent(group: Group): boolean {
    const silent = group.connections.values().find((connection) => !connection.hasSpoken);
    silent?.cut(this.#eviction);
    if (silent !== undefined) this.#counts.evicted += 1;
    return silent !== undefined;
  }

  #settled(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        this.#onSettled = undefined;
        resolve();
      };
      const check = () => {
        if (this.#allInFlight().every((inFlight) => inFlight.unanswered === 0)) finish();
      };
      this.#onSettled = check;
      deadline.addEventListener("abort", finish, { once: true });
      if (deadline.aborted) finish();
      else check();
    });
  }

  #served(): LocalService {
    assert(this.#service !== undefined, "A server needs `serve` before its first call");
    return this.#service;
  }

  #allInFlight(): readonly InFlight<RunningCall>[] {
    return [...[...this.#open].map(({ inFlight }) => inFlight), ...this.#local.inFlight];
  }

  #destroyLater(connection: Connection): void {
    const timer = this.#options.clock.after(lingerMs, () => {
      this.#lingering.delete(timer);
      connection.destroy();
    });
    this.#lingering.add(timer);
    connection.onClose(() => {
      this.#lingering.delete(timer);
      timer.cancel();
    });
  }
}
