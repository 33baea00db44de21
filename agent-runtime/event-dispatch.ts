import { type BridgeClient, ConnectionError } from "@armorclaw/client-sdk";
import { backOff, pause } from "@armorclaw/client-sdk/retry";
import type { EventEnvelope } from "@armorclaw/protocol";
import type { Loop, LoopContext } from "./loop.ts";

/** Deliveries before an event that the loop fails on is set aside. */
const attemptsMax = 5;
/** The wait before the event is delivered again, by the failures in a row. */
const retryWaitMs = backOff({ firstMs: 200, maxMs: 3_200 });
/** An agent that is gone is noticed at once; this is for a handler that never comes back. */
const handlerDeadlineMs = 600_000;
/** Pushed before an ack: so many are at hand, and no more come twice after a crash. */
const unackedMax = 64;

export interface EventDispatchOptions {
  readonly client: BridgeClient;
  readonly loop: Loop;
  readonly subscriptions: readonly string[];
  readonly context: LoopContext;
  onTrouble(message: string): void;
}

/** Hands the events that the loop hears to it, until the agent ends. What a loop without a handler hears is passed over. */
export async function serveEvents(options: EventDispatchOptions): Promise<void> {
  const { subscriptions, context } = options;
  let failures = 0;
  while (subscriptions.length > 0 && !context.signal.aborted) {
    try {
      failures = (await handOut(options)) ? 1 : failures + 1;
      await pause(retryWaitMs(failures), context.signal);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      return;
    }
  }
}

/**
 * Until the loop fails on an event: leaving the subscription with it in hand has it come again, counted.
 * @returns whether an event was handled before
 */
async function handOut({ client, loop, subscriptions, context, onTrouble }: EventDispatchOptions): Promise<boolean> {
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
    // One that was handled while the connection changed is pushed again, to be acknowledged on the new one.
    const failure = event.seq <= handled ? undefined : await tryOn(event, loop, context);
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

async function tryOn(event: EventEnvelope, loop: Loop, context: LoopContext): Promise<unknown> {
  try {
    await loop.onEvent?.(event, context);
    return undefined;
  } catch (error) {
    return error;
  }
}
