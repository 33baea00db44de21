import type { EventSubscription } from "@armorclaw/client-sdk";
import type { EventEnvelope, ParamsIn, Result } from "@armorclaw/protocol";
import { exitCodes } from "../core/exit-codes.ts";
import type { Invocation, Runner } from "../core/invocation.ts";
import { checkParams } from "../core/method-flags.ts";
import { UsageError } from "../core/usage-error.ts";
import { renderEvent } from "../render/event.ts";
import { renderResult } from "../render/renderers.ts";

/** `armorclaw events`: past events; with --follow new ones; with --durable also those since the last run. */
export const run: Runner = (invocation) => {
  const { follow, channels = [">"], types, source, min_priority, cursor, before, limit, name } = invocation.values;
  const filter = omitUndefined({ types, source, min_priority });
  const params = omitUndefined({
    channels,
    cursor,
    limit,
    name,
    ...(Object.keys(filter).length === 0 ? {} : { filter }),
  });
  if (follow !== true && name === undefined) {
    if (before !== undefined) return printHistory({ ...params, before }, invocation);
    return printHistory(cursor === undefined ? { ...params, newest: true } : params, invocation);
  }
  if (before !== undefined)
    throw new UsageError("--before works for past events only", "Leave out --before, --follow or --durable");
  if (limit !== undefined) {
    throw new UsageError(
      "--limit works for past events only",
      "Leave out --limit or --follow; --since SEQ starts in the past",
    );
  }
  return followEvents(params as ParamsIn<"event.subscribe">, invocation);
};

const omitUndefined = (record: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));

/** The most pages of one answer of the bridge, each of which may be short of events although there are older ones. */
const pagesMax = 1_000;

async function printHistory(params: Record<string, unknown>, { connect, out }: Invocation): Promise<number> {
  checkParams("event.history", params);
  const connection = await connect();
  const call = async (more: Record<string, unknown>) =>
    (await connection.call("event.history", { ...params, ...more })) as Result<"event.history">;
  let history = await call({});
  // A page without an event says only that the bridge has searched a part of the log.
  for (let page = 1; history.events.length === 0 && history.has_more && page < pagesMax; page++)
    history = await call(history.before === undefined ? { cursor: history.cursor } : { before: history.before });
  if (out.isJson) out.json(history);
  else out.text(renderResult("event.history", history, out.view()));
  if (history.cursor_reset) out.notice("Older events have been deleted");
  const next = history.before === undefined ? `--since ${history.cursor}` : `--before ${history.before}`;
  if (history.has_more) out.notice(`For more: armorclaw events ${next}`);
  return exitCodes.ok;
}

async function followEvents(params: ParamsIn<"event.subscribe">, { connect, out }: Invocation): Promise<number> {
  checkParams("event.subscribe", params);
  const connection = await connect({ reconnect: true });
  connection.onChange((state) => {
    out.notice(
      state === "lost" ? "The connection to the bridge was lost; waiting for it to come back" : "The bridge is back",
    );
  });
  await using subscription = connection.events(params, ({ after, resumedAt, skippedLow }) => {
    const what = skippedLow > 0 ? `${skippedLow} events of low priority` : "Some events";
    out.notice(`${what} were missed between ${after} and ${resumedAt}`);
  });
  await subscription.ready;
  out.notice("Connected; waiting for events (Ctrl-C ends)");
  for await (const event of subscription) {
    print(event, out);
    if (params.name !== undefined) await acknowledge(subscription, event, out);
  }
  return exitCodes.ok;
}

/** An event that is not acknowledged is delivered again. */
async function acknowledge(
  subscription: EventSubscription,
  event: EventEnvelope,
  out: Invocation["out"],
): Promise<void> {
  try {
    await subscription.ack(event);
  } catch (error) {
    out.notice(`Event ${event.seq} was not acknowledged: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function print(event: EventEnvelope, out: Invocation["out"]): void {
  if (out.isJson) out.json(event);
  else out.text(renderEvent(event, out.view()));
}
