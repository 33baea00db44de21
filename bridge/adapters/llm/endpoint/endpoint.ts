import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { AgentDirectory, Service } from "../../../lifecycle/index.ts";
import type { Logger } from "../../../logging/index.ts";
import type { Clock } from "../../../platform/clock.ts";
import { defaultRpcLimits, type SideSocket, structureFault } from "../../../rpc/index.ts";
import type { AnswerSink } from "../broker/answer-reader.ts";
import type { ModelBroker } from "../broker/broker.ts";
import type { LlmCaller } from "../broker/call-context.ts";
import type { ChatRequest, EndpointDialectName } from "../codecs/chat-request.ts";
import { endpointDialects } from "../codecs/dialects.ts";
import { decodeEmbeddingsRequest } from "../codecs/embeddings.ts";
import { type Json, parseObject } from "../codecs/json.ts";
import { changesOf, EndpointSink } from "./answer-writer.ts";
import { EndpointConnections, type EndpointHolder } from "./connections.ts";
import { answerError } from "./errors.ts";
import { dialectOf, type EndpointRequest, endpointRequest, servedPaths } from "./paths.ts";
import type { PhantomKeys } from "./phantom-keys.ts";
import { RequestBytes } from "./request-bytes.ts";

/** A connection on which nothing comes or goes is closed after this time. Longer than the longest silence of a provider. */
const silenceMs = 15 * 60_000;
/** How long an agent may take to read the rest of an answer that has ended. */
const unreadMs = 60_000;
/** Shown as the time at which each model was made, which the bridge does not know. */
const modelsSince = "2025-01-01T00:00:00Z";

/** The APIs of OpenAI and Anthropic on an agent's own socket. The listener hands each connection over with the agent that it found. */
export class LlmEndpoint implements Service {
  readonly name = "model endpoint";
  readonly #broker: ModelBroker;
  readonly #keys: PhantomKeys;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #bytes: RequestBytes;
  readonly #connections: EndpointConnections;
  #made: Server | undefined;

  constructor(broker: ModelBroker, keys: PhantomKeys, clock: Clock, logger: Logger) {
    this.#broker = broker;
    this.#keys = keys;
    this.#clock = clock;
    this.#logger = logger;
    this.#bytes = new RequestBytes(clock);
    this.#connections = new EndpointConnections(clock, (socket) => this.#server.emit("connection", socket));
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
    this.#connections.close();
  }

  /** The key that the agent's SDK presents at its endpoint. */
  keyOf({ agentId, epoch }: EndpointHolder): string {
    return this.#keys.of(agentId, epoch);
  }

  /** Ends the connections of a start that is over, whose key was valid on them alone. */
  disconnect({ agentId, epoch }: EndpointHolder): void {
    this.#connections.closeOf(agentId, epoch);
  }

  /** Serves one connection of an agent. */
  accept(socket: Socket, holder: EndpointHolder): void {
    this.#connections.accept(socket, holder);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? "";
    const gone = new AbortController();
    const holder = this.#connections.began(request, response);
    response.once("close", () => {
      if (!response.writableFinished) gone.abort(new BridgeError("CANCELLED", "The agent closed the connection"));
    });
    try {
      if (holder === undefined || !this.#keys.matches(holder.agentId, holder.epoch, presentedKey(request))) {
        throw new BridgeError("UNAUTHENTICATED", "This key is not the key of this endpoint");
      }
      await this.#route(request, response, callerOf(holder, request), gone.signal);
      this.#awaitReader(response);
    } catch (error) {
      if (response.writableEnded) this.#logger.error({ error }, "A model call that was answered could not be booked");
      if (gone.signal.aborted || response.writableEnded) return;
      if (!(error instanceof BridgeError)) this.#logger.error({ error }, "A model call failed");
      answerError(response, endpointDialects[dialectOf(url)], error);
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
    caller: LlmCaller,
    signal: AbortSignal,
  ): Promise<void> {
    const asked = endpointRequest(request.method ?? "", request.url ?? "");
    if (asked === undefined) throw new BridgeError("METHOD_NOT_FOUND", `This endpoint serves ${servedPaths}`);
    if (asked.kind === "models") return this.#models(response, caller, asked.dialect);
    if (asked.kind === "model") return this.#model(response, caller, asked.model, asked.dialect);
    using held = await this.#bytes.read(request, caller.agent?.agentId ?? caller.principal);
    const fault = structureFault(held.text, defaultRpcLimits);
    if (fault !== undefined) throw new BridgeError("INVALID_REQUEST", fault);
    const body = parseObject(held.text);
    if (body === undefined) throw new BridgeError("PARSE_ERROR", "The body is not a JSON object");
    await this.#call(asked, body, { request, response, caller, signal });
  }

  #call(asked: EndpointRequest, body: Json, exchange: Exchange): Promise<void> {
    if (asked.kind === "embeddings") return this.#embed(decodeEmbeddingsRequest(body), exchange);
    const inPath = "inPath" in asked ? asked.inPath : {};
    const chat = endpointDialects[asked.dialect].decodeRequest({ ...body, ...inPath }, exchange.request.headers);
    return asked.kind === "countTokens" ? this.#count(chat, exchange) : this.#chat(asked, chat, exchange);
  }

  async #chat({ dialect }: EndpointRequest, chat: ChatRequest, { response, caller, signal }: Exchange): Promise<void> {
    const sink = new EndpointSink(response, endpointDialects[dialect], chat);
    const { model, costNanoUsd } = await this.#broker.chat(chat, caller, sink, signal);
    if (sink.whole === undefined) return;
    answer(response, sink.whole, {
      "x-armorclaw-model": model,
      "x-armorclaw-cost-nano-usd": costNanoUsd,
      ...sink.changes,
    });
  }

  async #embed(request: ChatRequest, { response, caller, signal }: Exchange): Promise<void> {
    let whole = "";
    const sink: AnswerSink = {
      dialect: "embeddings",
      begin: () => undefined,
      take: () => undefined,
      takeWhole: (_, source) => {
        whole = source ?? "";
      },
      flush: () => undefined,
      end: () => undefined,
    };
    const { model, costNanoUsd } = await this.#broker.chat(request, caller, sink, signal);
    answer(response, whole, {
      "x-armorclaw-model": model,
      "x-armorclaw-cost-nano-usd": costNanoUsd,
      ...changesOf(request, undefined),
    });
  }

  async #count(chat: ChatRequest, { response, caller, signal }: Exchange): Promise<void> {
    const { tokens, isEstimate } = await this.#broker.countTokens(chat, caller, signal);
    const headers = isEstimate ? { "x-armorclaw-estimated": "1" } : {};
    answer(
      response,
      JSON.stringify({ object: "response.input_tokens", input_tokens: tokens, totalTokens: tokens }),
      headers,
    );
  }

  #models(response: ServerResponse, caller: LlmCaller, dialect: EndpointDialectName): void {
    const names = this.#broker.namesFor(caller);
    const data = names.map(({ name, route }) => described(name, route.provider.name));
    const ids = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
    const list =
      dialect === "gemini"
        ? { models: names.map(({ name }) => geminiModel(name)) }
        : { object: "list", data, has_more: false, ...ids };
    answer(response, JSON.stringify(list));
  }

  #model(response: ServerResponse, caller: LlmCaller, model: string, dialect: EndpointDialectName): void {
    const found = this.#broker.namesFor(caller).find(({ name }) => name === model);
    if (found === undefined)
      throw new BridgeError("LLM_MODEL_NOT_FOUND", `${model.slice(0, 200)} is not among the models that you may use`);
    const { name, route } = found;
    answer(response, JSON.stringify(dialect === "gemini" ? geminiModel(name) : described(name, route.provider.name)));
  }
}

/** One request with its answer. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly caller: LlmCaller;
  readonly signal: AbortSignal;
}

function answer(response: ServerResponse, json: string, headers: Readonly<Record<string, string | number>> = {}): void {
  response.writeHead(200, { "content-type": "application/json", ...headers });
  response.end(json);
}

/** A model with the fields of OpenAI's list and of Anthropic's. */
const described = (id: string, owner: string) => ({
  id,
  type: "model",
  object: "model",
  created: Date.parse(modelsSince) / 1_000,
  created_at: modelsSince,
  owned_by: owner,
  display_name: id,
});

const geminiModel = (name: string) => ({
  name: `models/${name}`,
  displayName: name,
  supportedGenerationMethods: ["generateContent", "countTokens"],
});

/** Where the SDKs of OpenAI, Anthropic and Google put the key. */
function presentedKey({ headers, url = "" }: IncomingMessage): string {
  const { authorization } = headers;
  const key = headers["x-api-key"] ?? authorization?.replace(/^Bearer /i, "") ?? headers["x-goog-api-key"];
  return typeof key === "string" ? key : (new URLSearchParams(url.split("?", 2)[1] ?? "").get("key") ?? "");
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

/** The model endpoint's name beside the agent's own socket. */
export const llmSocketName = "llm.sock";

/** The socket by which an agent reaches the model endpoint. */
export const llmSocket = (endpoint: LlmEndpoint, agents: Pick<AgentDirectory, "loopOf">): SideSocket => ({
  name: llmSocketName,
  open: (agentId, epoch) => {
    const holder = { agentId, epoch, loop: agents.loopOf(agentId) ?? "" };
    // The agent's key dies with its socket, where alone it is valid.
    return { accept: (socket) => endpoint.accept(socket, holder), close: () => endpoint.disconnect(holder) };
  },
});
