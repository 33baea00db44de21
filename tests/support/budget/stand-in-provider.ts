import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { listenOnLoopback } from "../loopback.ts";

/** The provider's behaviour for one call. By default it answers with as many tokens as the request allows, at most eight. */
export interface Behaviour {
  /** Refuses with this status. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The text of the refusal; KEY in it becomes the key of the call. */
  readonly refusal?: string;
  /** Closes the connection before it answers, or after this many tokens. */
  readonly breakAt?: "head" | number;
  /** Sends nothing more before it answers, or after this many tokens. */
  readonly stallAt?: "head" | number;
  /** Ends a stream with an error event after this many tokens. */
  readonly errorAt?: number;
  /** The number of output tokens, whatever the request allows. */
  readonly tokens?: number;
  readonly tokenDelayMs?: number;
  readonly usage?: "missing";
  /** Reports and bills this multiple of the written tokens. */
  readonly usageFactor?: number;
  readonly toolCall?: { readonly name: string; readonly input: object };
  /** Answers 200 with exactly this body. */
  readonly verbatim?: string | Uint8Array;
}

/** One billed call of the provider. */
export interface BookEntry {
  readonly model: string;
  readonly inputTokens: number;
  outputTokens: number;
  /** False for a call that its caller or the provider aborted. */
  isWhole: boolean;
}

export interface StandInProvider extends AsyncDisposable {
  readonly baseUrl: string;
  /** The billed calls. Refused calls cost nothing. */
  readonly books: BookEntry[];
  /** Every request that arrived. */
  readonly requests: { readonly path: string; readonly headers: IncomingMessage["headers"]; readonly body: Body }[];
  /** The behaviours of the next calls, one for each. */
  next(...behaviours: Behaviour[]): void;
}

interface Body {
  readonly model: string;
  readonly messages: readonly unknown[];
  readonly stream?: boolean;
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly stream_options?: { readonly include_usage?: boolean };
}

const word = "word ";
const usualTokens = 8;

/** A provider that speaks the APIs of OpenAI and Anthropic and records what it bills. */
export async function startStandInProvider(): Promise<StandInProvider> {
  const books: BookEntry[] = [];
  const requests: StandInProvider["requests"] = [];
  const behaviours: Behaviour[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const body = JSON.parse(Buffer.concat(pieces).toString()) as Body;
      requests.push({ path: request.url ?? "", headers: request.headers, body });
      await answer(request, response, body, behaviours.shift() ?? {}, books);
    })().catch(() => response.destroy());
  });
  const port = await listenOnLoopback(server);
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    books,
    requests,
    next: (...more) => void behaviours.push(...more),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  body: Body,
  behaviour: Behaviour,
  books: BookEntry[],
): Promise<void> {
  if (behaviour.status !== undefined) {
    const key = String(request.headers.authorization ?? request.headers["x-api-key"]).replace("Bearer ", "");
    const message = (behaviour.refusal ?? "No").replace("KEY", key);
    response.writeHead(behaviour.status, { "content-type": "application/json", ...behaviour.headers });
    response.end(JSON.stringify({ error: { message, type: "stand_in" } }));
    return;
  }
  if (behaviour.verbatim !== undefined) {
    response.writeHead(200, { "content-type": "text/event-stream", ...behaviour.headers });
    response.end(behaviour.verbatim);
    return;
  }
  const cap = body.max_completion_tokens ?? body.max_tokens ?? usualTokens;
  const tokens = behaviour.tokens ?? Math.min(cap, usualTokens);
  const inputTokens = Math.ceil(JSON.stringify(body.messages).length / 4);
  const entry: BookEntry = { model: body.model, inputTokens, outputTokens: 0, isWhole: false };
  books.push(entry);
  if (behaviour.stallAt === "head") return;
  if (behaviour.breakAt === "head") return void request.socket.destroy();
  const isAnthropic = request.url?.endsWith("/messages") === true;
  const speak = isAnthropic ? anthropic : openai;
  const call: Call = { response, body, behaviour, entry, tokens, write: writerOf(request, response, behaviour, entry) };
  await speak(call);
}

interface Call {
  readonly response: ServerResponse;
  readonly body: Body;
  readonly behaviour: Behaviour;
  readonly entry: BookEntry;
  readonly tokens: number;
  /** Writes the tokens one by one, in the form of `toEvent`. Returns false when the stream ended early. */
  readonly write: (tokens: number, toEvent: (text: string) => string, toError: string) => Promise<boolean>;
}

const writerOf =
  (request: IncomingMessage, response: ServerResponse, behaviour: Behaviour, entry: BookEntry): Call["write"] =>
  async (tokens, toEvent, toError) => {
    for (let written = 0; written < tokens; written++) {
      if (response.closed) return false;
      if (behaviour.stallAt === written) return false;
      if (behaviour.breakAt === written) {
        request.socket.destroy();
        return false;
      }
      if (behaviour.errorAt === written) {
        response.end(toError);
        return false;
      }
      entry.outputTokens += 1;
      response.write(toEvent(word));
      if (behaviour.tokenDelayMs !== undefined) await sleep(behaviour.tokenDelayMs);
    }
    return !response.closed;
  };

/** Bills the reported usage: a provider that counts wrongly also bills wrongly. */
function finish({ entry, behaviour }: Call): BookEntry {
  entry.outputTokens *= behaviour.usageFactor ?? 1;
  entry.isWhole = true;
  return entry;
}

const sse = (data: unknown, event?: string): string =>
  `${event === undefined ? "" : `event: ${event}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;

async function openai(call: Call): Promise<void> {
  const { response, body, behaviour, entry, tokens } = call;
  const base = { id: "chatcmpl-1", created: 1, model: body.model };
  const usage = () => ({
    prompt_tokens: entry.inputTokens,
    completion_tokens: entry.outputTokens,
    total_tokens: entry.inputTokens + entry.outputTokens,
  });
  const toolCalls =
    behaviour.toolCall === undefined
      ? undefined
      : [
          {
            index: 0,
            id: "call_1",
            type: "function",
            function: { name: behaviour.toolCall.name, arguments: JSON.stringify(behaviour.toolCall.input) },
          },
        ];
  const finishReason = toolCalls === undefined ? "stop" : "tool_calls";
  if (body.stream !== true) {
    entry.outputTokens = tokens;
    finish(call);
    const message = {
      role: "assistant",
      content: toolCalls === undefined ? word.repeat(tokens) : null,
      refusal: null,
      ...(toolCalls === undefined ? {} : { tool_calls: toolCalls.map(({ index: _, ...rest }) => rest) }),
    };
    response.setHeader("content-type", "application/json");
    const reported = behaviour.usage === "missing" ? {} : { usage: usage() };
    response.end(
      JSON.stringify({
        ...base,
        object: "chat.completion",
        choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason }],
        ...reported,
      }),
    );
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const chunk = (delta: object, finish_reason: string | null = null) =>
    sse({ ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason }] });
  response.write(chunk({ role: "assistant", content: "" }));
  if (toolCalls !== undefined) {
    entry.outputTokens += 1;
    response.write(chunk({ tool_calls: toolCalls }));
  } else if (!(await call.write(tokens, (content) => chunk({ content }), sse({ error: { message: "Overloaded" } }))))
    return;
  finish(call);
  response.write(chunk({}, finishReason));
  if (body.stream_options?.include_usage === true && behaviour.usage !== "missing") {
    response.write(sse({ ...base, object: "chat.completion.chunk", choices: [], usage: usage() }));
  }
  response.end(sse("[DONE]"));
}

async function anthropic(call: Call): Promise<void> {
  const { response, body, behaviour, entry, tokens } = call;
  const base = { id: "msg_1", type: "message", role: "assistant", model: body.model };
  const { toolCall } = behaviour;
  const stopReason = toolCall === undefined ? "end_turn" : "tool_use";
  const block =
    toolCall === undefined
      ? { type: "text", text: "" }
      : { type: "tool_use", id: "toolu_1", name: toolCall.name, input: {} };
  if (body.stream !== true) {
    entry.outputTokens = tokens;
    finish(call);
    const content =
      toolCall === undefined ? { type: "text", text: word.repeat(tokens) } : { ...block, input: toolCall.input };
    const usage = { input_tokens: entry.inputTokens, output_tokens: entry.outputTokens };
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({
        ...base,
        content: [content],
        stop_reason: stopReason,
        stop_sequence: null,
        ...(behaviour.usage === "missing" ? {} : { usage }),
      }),
    );
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const event = (type: string, fields: object) => sse({ type, ...fields }, type);
  const started = {
    ...base,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: entry.inputTokens, output_tokens: 1 },
  };
  response.write(event("message_start", { message: started }));
  response.write(event("content_block_start", { index: 0, content_block: block }));
  const delta = (fields: object) => event("content_block_delta", { index: 0, delta: fields });
  if (toolCall !== undefined) {
    entry.outputTokens += 1;
    response.write(delta({ type: "input_json_delta", partial_json: JSON.stringify(toolCall.input) }));
  } else if (
    !(await call.write(
      tokens,
      (text) => delta({ type: "text_delta", text }),
      event("error", { error: { type: "overloaded_error", message: "Overloaded" } }),
    ))
  )
    return;
  finish(call);
  response.write(event("content_block_stop", { index: 0 }));
  const usage = behaviour.usage === "missing" ? {} : { usage: { output_tokens: entry.outputTokens } };
  response.write(event("message_delta", { delta: { stop_reason: stopReason, stop_sequence: null }, ...usage }));
  response.end(event("message_stop", {}));
}
