import { type BridgeClient, ConnectionError } from "@armorclaw/client-sdk";
import type { EventData } from "@armorclaw/protocol";
import type { Loop, LoopContext } from "./loops/loop.ts";

/** An agent that ends this often with the same message in hand is not given it again: fewer times than the restarts that make it fail. */
const attemptsMax = 3;

export interface InboxOptions {
  readonly client: BridgeClient;
  readonly loop: Loop;
  readonly context: LoopContext;
  onTrouble(message: string): void;
}

/**
 * Delivers the agent's messages to its loop, in order and one at a time. A message that was being handled when the agent
 * ended is delivered again. A message on which the loop throws is answered with the failure and not delivered again.
 */
export async function serveInbox({ client, loop, context, onTrouble }: InboxOptions): Promise<void> {
  const { onMessage } = loop;
  if (onMessage === undefined) return;
  const params = {
    channels: [`agent.${context.agentId}.message`],
    filter: { types: ["agent.message"] },
    name: "inbox",
    attempts_max: attemptsMax,
  };
  try {
    for await (const event of subscribe(client, params, context.signal)) {
      // The bridge alone publishes this type.
      const message = event.data as EventData<"agent.message">;
      const { kind, data } = message;
      const answer = await onMessage({ id: event.id, from: event.source, kind, data }, context).then(
        (reply) => ({ kind: "reply", data: reply ?? {} }),
        (error: unknown) => {
          onTrouble(`The message ${event.id} from ${event.source} failed: ${error}`);
          return { kind: "failed", data: { message: error instanceof Error ? error.message : String(error) } };
        },
      );
      if (message.expects_reply)
        await quietly(client.call("agent.send", { ...answer, in_reply_to: event.id }), onTrouble);
      await quietly(event.ack(), onTrouble);
    }
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
  }
}

/** Yields each event with a function that acknowledges it. */
async function* subscribe(client: BridgeClient, params: Parameters<BridgeClient["subscribe"]>[0], signal: AbortSignal) {
  await using subscription = client.subscribe(params, { signal });
  for await (const event of subscription) yield { ...event, ack: () => subscription.ack(event) };
}

/** Reports a failure, except a lost connection: the message is delivered again after that. */
async function quietly(call: Promise<unknown>, onTrouble: (message: string) => void): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ConnectionError)) onTrouble(`A message was not answered: ${error}`);
  }
}
