import type { EventEnvelope, ParamsIn, Result } from "@armorclaw/protocol";
import { exitCodes } from "./exit-codes.ts";
import type { Invocation, Runner } from "./invocation.ts";
import { checkParams } from "./method-flags.ts";
import { renderResult } from "./render.ts";
import { renderEvent } from "./render-event.ts";
import { UsageError } from "./usage-error.ts";

/** `armorclaw events`: what the bridge remembers, or with --follow what happens from now on. */
export const run: Runner = (invocation) => {
  const { follow, channels = [">"], types, source, min_priority, cursor, limit } = invocation.values;
  const filter = omitUndefined({ types, source, min_priority });
  const params = omitUndefined({
    channels,
    cursor,
    limit,
    ...(Object.keys(filter).length === 0 ? {} : { filter }),
  });
  if (follow !== true) return printHistory(params, invocation);
  if (limit !== undefined) {
    throw new UsageError(
      "--limit is about past events",
      "Leave out --limit, or --follow; --since N begins in the past",
    );
  }
  return followEvents(params as ParamsIn<"event.subscribe">, invocation);
};

const omitUndefined = (record: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));

async function printHistory(params: Record<string, unknown>, { connect, out }: Invocation): Promise<number> {
  checkParams("event.history", params);
  const connection = await connect();
  const history = (await connection.call("event.history", params)) as Result<"event.history">;
  if (out.isJson) out.json(history);
  else out.text(renderResult("event.history", history, out.view()));
  if (history.cursor_reset) out.notice("Older events are no longer remembered");
  if (history.events.length === (params["limit"] ?? 100))
    out.notice(`More: armorclaw events --since ${history.cursor}`);
  return exitCodes.ok;
}

async function followEvents(params: ParamsIn<"event.subscribe">, { connect, out }: Invocation): Promise<number> {
  checkParams("event.subscribe", params);
  const connection = await connect({ reconnect: true });
  connection.onChange((state) => {
    out.notice(state === "lost" ? "Lost the bridge; waiting for it to come back" : "The bridge is back");
  });
  await using subscription = connection.events(params, ({ after, resumedAt }) => {
    out.notice(`Some events were missed: after ${after} it goes on after ${resumedAt}`);
  });
  await subscription.ready;
  out.notice("Connected; waiting for events (Ctrl-C ends)");
  for await (const event of subscription) print(event, out);
  return exitCodes.ok;
}

function print(event: EventEnvelope, out: Invocation["out"]): void {
  if (out.isJson) out.json(event);
  else out.text(renderEvent(event, out.view()));
}
