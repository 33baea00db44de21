import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { BridgeError, type ErrorCode, errorCatalogue } from "@armorclaw/protocol/errors";
import type { AgentDirectory, Service } from "../../lifecycle/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { defaultRpcLimits, type SideSocket, structureFault } from "../../rpc/index.ts";
import type { ModelBroker } from "./broker.ts";
import type { LlmCaller } from "./call-context.ts";
import type { DialectError, EndpointDialect } from "./codecs/dialect.ts";
import { endpointDialects } from "./codecs/dialects.ts";
import { parseObject } from "./codecs/json.ts";
import { encodeSse } from "./codecs/sse.ts";
import { EndpointSink } from "./endpoint-sink.ts";
import type { PhantomKeys } from "./phantom-keys.ts";
import { RequestBytes } from "./request-bytes.ts";

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

/** A connection on which nothing comes or goes is closed after this time. Longer than the longest silence of a provider. */
const silenceMs = 15 * 60_000;
/** From the first moment of a connection, or the end of its last answer, to the end of the next request's header. */
const headMs = 60_000;
/** How long an agent may take to read the rest of an answer that has ended. */
const unreadMs = 60_000;
/** Of one agent; more than any SDK opens. */
const connectionsMax = 64;
/** Of all agents. */
const totalConnectionsMax = 1_024;

/** The APIs of OpenAI and Anthropic on an agent's own socket. The listener hands each connection over with the agent that it found. */
export class LlmEndpoint implements Service {
  readonly name = "model endpoint";
  readonly #broker: ModelBroker;
  readonly #keys: PhantomKeys;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #bytes: RequestBytes;
  readonly #bySocket = new WeakMap<Socket, Connection>();
  readonly #connections = new Map<string, Set<Socket>>();
  #made: Server | undefined;

  constructor(broker: ModelBroker, keys: PhantomKeys, clock: Clock, logger: Logger) {
    this.#broker = broker;
    this.#keys = keys;
    this.#clock = clock;
    this.#logger = logger;
    this.#bytes = new RequestBytes(clock);
  }

  /** Never listens: it is given connections that were made elsewhere. It is made with the first, as Node's HTTP takes 13 MB. */
  get #server(): Server {
    if (this.#made === undefined) {
      this.#made = process.getBuiltinModule("node:http").createServer({ maxHeaderSize: 16_384 });
      this.#made.timeout = silenceMs;
      this.#made.on("request", (request, response) => void this.#serve(request, response));
    }
    return this.#made;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    for (const sockets of this.#connections.values()) for (const socket of sockets) socket.destroy();
  }

  /** The key that the agent's SDK presents at its endpoint. */
  keyOf({ agentId, epoch }: EndpointHolder): string {
    return this.#keys.of(agentId, epoch);
  }

  /** Serves one connection of an agent. */
  accept(socket: Socket, holder: EndpointHolder): void {
    const own = this.#connections.get(holder.agentId) ?? new Set();
    const total = [...this.#connections.values()].reduce((sum, sockets) => sum + sockets.size, 0);
    if (own.size >= connectionsMax || total >= totalConnectionsMax) {
      socket.destroy();
      return;
    }
    const connection: Connection = { holder, requests: 0, headDeadline: undefined };
    this.#connections.set(holder.agentId, own.add(socket));
    socket.once("close", () => {
      own.delete(socket);
      connection.headDeadline?.cancel();
      if (own.size === 0 && this.#connections.get(holder.agentId) === own) this.#connections.delete(holder.agentId);
    });
    this.#bySocket.set(socket, connection);
    this.#awaitHead(socket, connection);
    this.#server.emit("connection", socket);
  }

  /** A server that never listens does not apply Node's own deadlines for headers and requests. */
  #awaitHead(socket: Socket, connection: Connection): void {
    connection.headDeadline?.cancel();
    if (socket.destroyed || connection.requests > 0) return;
    connection.headDeadline = this.#clock.after(headMs, () => socket.destroy());
  }

  #began({ socket }: IncomingMessage, response: ServerResponse): Connection | undefined {
    const connection = this.#bySocket.get(socket);
    if (connection === undefined) return undefined;
    connection.requests += 1;
    connection.headDeadline?.cancel();
    response.once("close", () => {
      connection.requests -= 1;
      this.#awaitHead(socket, connection);
    });
    return connection;
  }

  /** The agent's start is over, and its key is no longer accepted. */
  forget({ agentId, epoch }: EndpointHolder): void {
    this.#keys.revoke(agentId, epoch);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const dialect = endpointDialects[request.url?.startsWith("/v1/messages") === true ? "anthropic" : "openai"];
    const gone = new AbortController();
    const connection = this.#began(request, response);
    response.once("close", () => {
      if (!response.writableFinished) gone.abort(new BridgeError("CANCELLED", "The agent closed the connection"));
    });
    try {
      const holder = connection?.holder;
      if (holder === undefined || !this.#keys.matches(holder.agentId, holder.epoch, presentedKey(request))) {
        throw new BridgeError("UNAUTHENTICATED", "This key is not the key of this endpoint");
      }
      await this.#route(request, response, dialect, callerOf(holder, request), gone.signal);
      this.#awaitReader(response);
    } catch (error) {
      if (response.writableEnded) this.#logger.error({ error }, "A model call that was answered could not be booked");
      if (gone.signal.aborted || response.writableEnded) return;
      this.#fail(response, dialect, error);
      this.#awaitReader(response);
    }
  }

  /** An answer that nobody reads must not stay in memory. */
  #awaitReader(response: ServerResponse): void {
    if (response.writableFinished || response.closed) return;
    const deadline = this.#clock.after(unreadMs, () => response.destroy());
    response.once("close", () => deadline.cancel());
  }

  async #route(
    request: IncomingMessage,
    response: ServerResponse,
    dialect: EndpointDialect,
    caller: LlmCaller,
    signal: AbortSignal,
  ): Promise<void> {
    const [path] = (request.url ?? "").split("?");
    const route = `${request.method} ${path}`;
    if (route === "GET /v1/models") return this.#models(response, caller);
    if (route !== "POST /v1/chat/completions" && route !== "POST /v1/messages") {
      throw new BridgeError(
        "METHOD_NOT_FOUND",
        "This endpoint serves POST /v1/chat/completions, POST /v1/messages and GET /v1/models",
      );
    }
    using held = await this.#bytes.read(request, caller.agent?.agentId ?? caller.principal);
    const fault = structureFault(held.text, defaultRpcLimits);
    if (fault !== undefined) throw new BridgeError("INVALID_REQUEST", fault);
    const body = parseObject(held.text);
    if (body === undefined) throw new BridgeError("PARSE_ERROR", "The body is not a JSON object");
    const chat = dialect.decodeRequest(body, request.headers);
    const sink = new EndpointSink(response, dialect, chat);
    const { model, costNanoUsd } = await this.#broker.chat(chat, caller, sink, signal);
    if (sink.whole === undefined) return;
    response.writeHead(200, {
      "content-type": "application/json",
      "x-armorclaw-model": model,
      "x-armorclaw-cost-nano-usd": costNanoUsd,
      ...sink.changes,
    });
    response.end(sink.whole);
  }

  #models(response: ServerResponse, caller: LlmCaller): void {
    const data = this.#broker.modelsFor(caller).map(({ id, provider }) => ({
      id,
      type: "model",
      object: "model",
      created: 0,
      owned_by: provider.name,
      display_name: id,
    }));
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ object: "list", data, has_more: false }));
  }

  #fail(response: ServerResponse, dialect: EndpointDialect, error: unknown): void {
    if (!(error instanceof BridgeError)) this.#logger.error({ error }, "A model call failed");
    const known = error instanceof BridgeError ? error : new BridgeError("INTERNAL");
    const described = describe(known);
    if (response.headersSent) {
      // The answer has begun, so the error is its last event.
      response.end(encodeSse(dialect.errorEvent(described)));
      return;
    }
    const retryAfterMs = Number(known.details?.["retry_after_ms"]);
    const retry = retryAfterMs > 0 ? { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) } : {};
    // The bridge has repeated the call already, as often as is useful; both SDKs read this header.
    response.writeHead(statusOf(known.code), {
      "content-type": "application/json",
      "x-should-retry": "false",
      // The rest of a request that is refused before its end is not read.
      ...(response.req.complete ? {} : { connection: "close" }),
      ...retry,
    });
    response.end(JSON.stringify(dialect.encodeError(described)));
  }
}

const describe = ({ code, message, details }: BridgeError): DialectError => ({
  type: code.toLowerCase(),
  message,
  remedy: errorCatalogue[code].remedy,
  details,
});

function presentedKey({ headers }: IncomingMessage): string {
  const key = headers["x-api-key"] ?? headers.authorization?.replace(/^Bearer /i, "");
  return typeof key === "string" ? key : "";
}

function callerOf(agent: EndpointHolder, { headers }: IncomingMessage): LlmCaller {
  const header = (name: string) => {
    const value = headers[name];
    return typeof value === "string" ? value.slice(0, 200) : undefined;
  };
  return {
    principal: `agent:${agent.agentId}`,
    agent,
    task: header("x-armorclaw-task"),
    run: header("x-armorclaw-run"),
    state: header("x-armorclaw-state"),
  };
}

const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  METHOD_NOT_FOUND: 404,
  LLM_MODEL_NOT_FOUND: 404,
  FRAME_TOO_LARGE: 413,
  TOO_MANY_IN_FLIGHT: 429,
  RATE_LIMITED: 429,
  RUNAWAY_LIMIT: 429,
  BUDGET_EXCEEDED: 402,
  BUDGET_FROZEN: 402,
  PRICE_UNKNOWN: 402,
  LLM_MODEL_NOT_ALLOWED: 403,
  NO_NEW_INPUT: 403,
  LLM_PROVIDER_REFUSED: 502,
  LLM_PROVIDER_UNAVAILABLE: 503,
  LLM_STREAM_FAILED: 502,
  LLM_CUT: 502,
  TIMED_OUT: 504,
  SHUTTING_DOWN: 503,
  STORE_FULL: 503,
  STORE_BUSY: 503,
  STORE_FAILED: 500,
  INTERNAL: 500,
};
const statusOf = (code: ErrorCode): number => statuses[code] ?? 400;

/** The model endpoint's name beside the agent's own socket. */
export const llmSocketName = "llm.sock";

/** The socket by which an agent reaches the model endpoint. */
export const llmSocket = (endpoint: LlmEndpoint, agents: Pick<AgentDirectory, "loopOf">): SideSocket => ({
  name: llmSocketName,
  open: (agentId, epoch) => {
    const holder = { agentId, epoch, loop: agents.loopOf(agentId) ?? "" };
    return { accept: (socket) => endpoint.accept(socket, holder), close: () => endpoint.forget(holder) };
  },
});
