import { loopMap } from "@armorclaw/agent-runtime";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { runLoop } from "../../agent-runtime/host.ts";
import type { Loop, LoopContext } from "../../agent-runtime/loops/loop.ts";
import { AnswerCollector, endpointDialects } from "../../bridge/adapters/llm/index.ts";
import { type BrokerBench, openBroker, openPolicy } from "../support/budget/broker.ts";
import { type StandInProvider, startStandInProvider } from "../support/budget/stand-in-provider.ts";
import { ManualClock } from "../support/manual-clock.ts";

const hourMs = 3_600_000;
/** The configuration's defaults. */
const runawayLimits = {
  ...openPolicy.runawayLimits,
  callsPerMinuteMax: 60,
  idleGate: true,
  turnMs: 600_000,
  turnCallsMax: 50,
};

let provider: StandInProvider;
let bench: BrokerBench;
let clock: ManualClock;
beforeEach(async () => {
  clock = new ManualClock();
  provider = await startStandInProvider();
  bench = await openBroker({ baseUrl: provider.baseUrl, policy: { runawayLimits }, guardClock: clock });
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

/** A loop's context on the real broker. Other calls are answered with an empty result. */
function contextOf(
  name: string,
  scheduleMs: number,
  signal: AbortSignal,
): LoopContext & { readonly refused: () => number } {
  const agentId = `${name}-1`;
  let refused = 0;
  return {
    agentId,
    mediaSocketPath: "/run/bridge/media.sock",
    scheduleMs,
    signal,
    refused: () => refused,
    call: async () => ({}) as never,
    publish: async () => undefined,
    send: async () => undefined,
    subscribe: () => {
      throw new Error("An idle loop is told nothing");
    },
    log: () => undefined,
    async chat({ model, messages, max_output_tokens, state }) {
      const body = { model, messages, max_tokens: max_output_tokens, stream: true };
      const request = endpointDialects.openai.decodeRequest(body);
      const caller = { principal: `agent:${agentId}`, agent: { agentId, loop: name, epoch: 1 }, state };
      try {
        await bench.broker.chat(request, caller, new AnswerCollector(() => undefined), signal);
      } catch (error) {
        refused += 1;
        throw error;
      }
      return {} as never;
    },
  };
}

/** Runs a day of the real host's schedule, in virtual time. */
async function aDayOf(loop: Loop, context: LoopContext, abort: AbortController): Promise<void> {
  jest.useFakeTimers({ doNotFake: ["nextTick", "setImmediate", "queueMicrotask"] });
  try {
    const done = runLoop({ loop, context, connected: () => true, report: async () => undefined }).catch(
      () => undefined,
    );
    for (let hour = 0; hour < 24; hour++) {
      await jest.advanceTimersByTimeAsync(hourMs);
      clock.advance(hourMs);
    }
    abort.abort();
    await jest.advanceTimersByTimeAsync(60_000);
    await done;
  } finally {
    jest.useRealTimers();
  }
}

const spent = async () =>
  (await bench.money.admin.report({ by: [], fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, rowsMax: 1 }))[0];

test.each(Object.keys(loopMap))(
  "a day of the idle loop %s costs $0 and calls no model",
  async (name) => {
    const entry = loopMap[name as keyof typeof loopMap];
    const abort = new AbortController();
    const context = contextOf(name, entry.manifest.schedule.every_ms, abort.signal);
    await aDayOf((await entry.load()).createLoop(), context, abort);
    expect(provider.requests).toHaveLength(0);
    expect((await spent())?.spent).toEqual({ costNanoUsd: 0, tokens: 0, calls: 0, durationMs: 0 });
  },
  60_000,
);

test("a day of a loop that asks a model at every tick, while nothing changes, costs $0", async () => {
  const abort = new AbortController();
  const context = contextOf("eager", 60_000, abort.signal);
  const eager: Loop = {
    async tick({ chat }) {
      await chat({ model: "oai/m", messages: [{ role: "user", content: "Anything new?" }] }).catch(() => undefined);
    },
  };
  await aDayOf(eager, context, abort);
  expect(context.refused()).toBeGreaterThanOrEqual(24 * 60);
  expect(provider.requests).toHaveLength(0);
  expect((await spent())?.spent.costNanoUsd).toBe(0);
}, 60_000);

test("the same loop may call the model when an input reached it, or when it reported a new state", async () => {
  const abort = new AbortController();
  const { chat } = contextOf("eager", 60_000, abort.signal);
  const ask = (state?: string) =>
    chat({
      model: "oai/m",
      messages: [{ role: "user", content: "Anything new?" }],
      ...(state === undefined ? {} : { state }),
    });
  await ask("inbox: 3");
  clock.advance(hourMs);
  await expect(ask("inbox: 3")).rejects.toMatchObject({ code: "NO_NEW_INPUT" });
  await ask("inbox: 4");
  clock.advance(hourMs);
  bench.guard.changed("eager-1");
  await ask();
  expect(provider.requests).toHaveLength(3);
});
