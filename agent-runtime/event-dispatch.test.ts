import { createClient } from "@armorclaw/client-sdk";
import { expect, test } from "@jest/globals";
import { LineServer, until } from "../tests/support/wire/line-server.ts";
import { serveEvents } from "./event-dispatch.ts";
import type { Loop, LoopContext } from "./loops/loop.ts";

test("a loop handles its events one at a time; an event whose handler fails stays unacknowledged and is requested again", async () => {
  let subscriptions = 0;
  await using server = await LineServer.open(({ method }) => {
    if (method !== "event.subscribe") return { ok: true };
    subscriptions += 1;
    return { subscription_id: `s${subscriptions}`, cursor: 0, cursor_reset: false };
  });
  const push = (seq: number) => {
    const event = { id: `e-${seq}`, seq, channel: "work.in", type: "work.came", source: "user:0", data: {} };
    const params = { subscription_id: `s${subscriptions}`, event: { ...event, time: "", priority: "normal" } };
    server.broadcast({ jsonrpc: "2.0", method: "event.push", params });
  };
  const client = createClient({ socketPath: server.path });
  const ending = new AbortController();
  const tried: string[] = [];
  const troubles: string[] = [];
  const loop: Loop = {
    tick: () => Promise.resolve(),
    onEvent: async ({ id }) => {
      tried.push(id);
      if (tried.length === 2) throw new Error("not now");
    },
  };
  const context = { agentId: "a-1", signal: ending.signal } as LoopContext;
  const onTrouble = (message: string) => troubles.push(message);
  let channels = ["work.>"];
  const changes: (() => void)[] = [];
  const onChange = (listener: () => void) => changes.push(listener);
  const served = serveEvents({ client, loop, subscriptions: () => channels, onChange, context, onTrouble });
  await until(() => subscriptions === 1, "the subscription");
  expect(server.of("event.subscribe")[0]?.params).toMatchObject({ channels: ["work.>"], name: "events" });
  push(1);
  push(2);
  push(3);
  await until(() => subscriptions === 2, "the subscription after the failure");
  push(2);
  push(3);
  await until(() => server.of("event.ack").length === 3, "the acks");
  expect(tried).toEqual(["e-1", "e-2", "e-2", "e-3"]);
  expect(server.of("event.ack").map(({ params }) => params)).toMatchObject([
    { cursor: 1 },
    { cursor: 2 },
    { cursor: 3 },
  ]);
  expect(troubles).toEqual(["The event e-2 (work.came) failed: Error: not now"]);
  // A bridge that was restarted gives the loop other channels, then none, and then some again.
  const change = (to: string[]) => {
    channels = to;
    for (const listener of changes) listener();
  };
  change(["work.>"]);
  change(["work.>", "room.>"]);
  await until(() => subscriptions === 3, "the subscription of the new channels");
  expect(server.of("event.subscribe").at(-1)?.params).toMatchObject({ channels: ["work.>", "room.>"] });
  push(4);
  await until(() => tried.includes("e-4"), "an event of the new subscription");
  change([]);
  change(["work.>"]);
  await until(() => subscriptions === 4, "the subscription after none");
  ending.abort();
  await served;
  await client.close();
});
