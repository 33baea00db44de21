import { type BridgeClient, ConnectionError } from "@armorclaw/client-sdk";
import { backOff, pause } from "@armorclaw/client-sdk/retry";
import type { EventEnvelope } from "@armorclaw/protocol";
import type { Loop, LoopContext } from "./loops/loop.ts";

/** Deliveries of an event before it becomes a dead letter: fewer than the restarts that make an agent fail. */
const attemptsMax = 3;
/** The wait before the event is delivered again, by the failures in a row. */
const retryWaitMs = backOff({ firstMs: 200, maxMs: 3_200 });
/** The deadline of a handler that never returns. The bridge notices an agent that has ended at once. */
const handlerDeadlineMs = 600_000;
/** Events that are pushed ahead of their acknowledgement, which is also how many may be delivered twice after a crash. */
const unackedMax = 64;

export interface EventDispatchOptions {
  readonly client: BridgeClient;
  readonly loop: Loop;
  /** The channels that the bridge has given to the loop. */
  subscriptions(): readonly string[];
  /** Calls the listener when the channels may have changed. */
  onChange(listener: () => void): void;
  readonly context: LoopContext;
  onTrouble(message: string): void;
}

/**
 * Delivers the events of the loop's subscriptions to its handler until the agent ends. Without a handler they are acknowledged at once.
 * A restarted bridge may give the loop other channels: they are subscribed to instead.
 */
export async function serveEvents(options: EventDispatchOptions): Promise<void> {
  const { context, onChange } = options;
  let changed = new AbortController();
  let channels = options.subscriptions();
  onChange(() => {
    const now = options.subscriptions();
    if (JSON.stringify(now) === JSON.stringify(channels)) return;
    channels = now;
    changed.abort();
  });
  let failures = 0;
  while (!context.signal.aborted) {
    changed = new AbortController();
    const signal = AbortSignal.any([context.signal, changed.signal]);
    try {
      if (channels.length === 0) {
        await untilAborted(signal);
        continue;
      }
      failures = (await deliver(options, channels, signal)) ? 1 : failures + 1;
      await pause(retryWaitMs(failures), signal);
    } catch (error) {
      if (changed.signal.aborted) continue;
      if (!(error instanceof ConnectionError)) throw error;
      return;
    }
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Delivers events until the loop fails on one. An event that is not acknowledged when the subscription ends is delivered again,
 * and the bridge counts the attempt.
 * @returns whether an event was handled before
 */
async function deliver(
  { client, loop, context, onTrouble }: EventDispatchOptions,
  channels: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const params = {
    channels: [...channels],
    name: "events",
    attempts_max: attemptsMax,
    ack_deadline_ms: handlerDeadlineMs,
    unacked_max: unackedMax,
  };
  await using subscription = client.subscribe(params, { signal });
  let handled = 0;
  for await (const event of subscription) {
    // An event that was handled while the connection changed is pushed again, to be acknowledged on the new one.
    const failure = event.seq <= handled ? undefined : await handle(event, loop, context);
    if (failure !== undefined) {
      onTrouble(`The event ${event.id} (${event.type}) failed: ${failure}`);
      return handled > 0;
    }
    handled = Math.max(handled, event.seq);
    await subscription.ack(event).catch((error: unknown) => {
      if (!(error instanceof ConnectionError)) throw error;
    });
  }
  return handled > 0;
}

async function handle(event: EventEnvelope, loop: Loop, context: LoopContext): Promise<unknown> {
  try {
    await loop.onEvent?.(event, context);
    return undefined;
  } catch (error) {
    return error;
  }
}
