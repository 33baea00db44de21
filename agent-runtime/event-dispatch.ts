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
  readonly subscriptions: readonly string[];
  readonly context: LoopContext;
  onTrouble(message: string): void;
}

/** Delivers the events of the loop's subscriptions to its handler until the agent ends. Without a handler they are acknowledged at once. */
export async function serveEvents(options: EventDispatchOptions): Promise<void> {
  const { subscriptions, context } = options;
  let failures = 0;
  while (subscriptions.length > 0 && !context.signal.aborted) {
    try {
      failures = (await deliver(options)) ? 1 : failures + 1;
      await pause(retryWaitMs(failures), context.signal);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      return;
    }
  }
}

/**
 * Delivers events until the loop fails on one. An event that is not acknowledged when the subscription ends is delivered again,
 * and the bridge counts the attempt.
 * @returns whether an event was handled before
 */
async function deliver({ client, loop, subscriptions, context, onTrouble }: EventDispatchOptions): Promise<boolean> {
  const params = {
    channels: [...subscriptions],
    name: "events",
    attempts_max: attemptsMax,
    ack_deadline_ms: handlerDeadlineMs,
    unacked_max: unackedMax,
  };
  await using subscription = client.subscribe(params, { signal: context.signal });
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
