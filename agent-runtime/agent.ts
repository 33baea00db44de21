import { dirname, join } from "node:path";
import type { AgentActivity } from "@armorclaw/protocol";
import { serveEvents } from "./event-dispatch.ts";
import { runLoop } from "./host.ts";
import { serveInbox } from "./inbox.ts";
import { type Hello, type Link, openLink } from "./link.ts";
import type { LoopContext, LoopEntry } from "./loops/loop.ts";

const reportDeadlineMs = 1_000;

export interface AgentOptions {
  readonly socketPath: string;
  readonly pid: number;
  readonly loops: Readonly<Record<string, LoopEntry>>;
  /** Aborts when the agent is asked to end. */
  readonly signal: AbortSignal;
  log(line: string): void;
  onTrouble(message: string): void;
}

/**
 * Calls agent.hello, loads the loop that the answer names and runs it until the signal aborts.
 * @throws when the bridge cannot be reached for too long or refuses the agent, or when the loop keeps failing
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  let activity: AgentActivity = "initializing";
  const link = openLink({
    socketPath: options.socketPath,
    pid: options.pid,
    activity: () => activity,
    onTrouble: options.onTrouble,
  });
  const report = async (next: AgentActivity, message?: string) => {
    if (next === activity && message === undefined) return;
    activity = next;
    await reportActivity(link, next, message, options);
  };
  const ending = new AbortController();
  const end = () => ending.abort();
  options.signal.addEventListener("abort", end, { once: true });
  if (options.signal.aborted) end();
  void link.closed.then(end);
  try {
    const hello = await beforeAbort(link.hello, ending.signal);
    if (hello === undefined) return;
    const loop = (await entryOf(hello, options.loops).load()).createLoop();
    const context = contextFor(hello, link, ending.signal, options);
    const inbox = serveInbox({ client: link.client, loop, context, onTrouble: options.onTrouble });
    const events = serveEvents({
      client: link.client,
      loop,
      subscriptions: () => link.latest()?.subscriptions ?? hello.subscriptions,
      onChange: (listener) => link.onHello(listener),
      context,
      onTrouble: options.onTrouble,
    });
    await Promise.all([inbox, events, runLoop({ loop, context, connected: link.connected, report }).finally(end)]);
    await report("terminated");
  } finally {
    options.signal.removeEventListener("abort", end);
    await link.close();
  }
  if (!options.signal.aborted) throw await link.closed;
}

/** Never rejects: a lost report must not end the agent. */
async function reportActivity(link: Link, activity: AgentActivity, message: string | undefined, options: AgentOptions) {
  if (!link.connected()) return;
  try {
    const params = message === undefined ? { activity } : { activity, message };
    await link.client.agent.report(params, { deadlineMs: reportDeadlineMs });
  } catch (error) {
    if (link.connected()) options.onTrouble(`agent.report was not acknowledged: ${error}`);
  }
}

function entryOf(hello: Hello, loops: AgentOptions["loops"]): LoopEntry {
  const entry = Object.hasOwn(loops, hello.agent_type) ? loops[hello.agent_type] : undefined;
  if (entry === undefined) throw new Error(`This agent image holds no loop ${hello.agent_type}`);
  return entry;
}

function contextFor(hello: Hello, link: Link, signal: AbortSignal, { log, socketPath }: AgentOptions): LoopContext {
  const call = link.client.call as (name: string, params: unknown, options: object) => Promise<unknown>;
  return {
    agentId: hello.agent_id,
    scheduleMs: hello.schedule_ms,
    signal,
    call: (name, params) => call(name, params, { signal }) as Promise<never>,
    chat: async (params, onText) => {
      const stream = link.client.stream("llm.chat", params, { signal });
      for await (const { text } of stream) onText?.(text);
      return await stream.result;
    },
    publish: async (name, type, data) => {
      await call("event.publish", { channel: `agent.${hello.agent_id}.${name}`, type, data }, { signal });
    },
    send: async (agent_id, kind, data, { replyWithinMs } = {}) => {
      const wait = replyWithinMs === undefined ? {} : { reply_within_ms: replyWithinMs };
      const { reply } = await link.client.call("agent.send", { agent_id, kind, data, ...wait }, { signal });
      return reply?.data;
    },
    mediaSocketPath: join(dirname(socketPath), "media.sock"),
    subscribe: (channels) => link.client.subscribe({ channels: [...channels] }, { signal }),
    log,
  };
}

/** Settles as `promise` does, or resolves with undefined when the signal aborts first. */
function beforeAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    promise.then(resolve, reject);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
    if (signal.aborted) resolve(undefined);
  });
}
