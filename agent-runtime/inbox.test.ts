import { createClient } from "@armorclaw/client-sdk";
import { expect, test } from "@jest/globals";
import { LineServer, until } from "../tests/support/wire/line-server.ts";
import { serveInbox } from "./inbox.ts";
import type { IncomingMessage, Loop, LoopContext } from "./loops/loop.ts";

const push = (server: LineServer, seq: number, kind: string, expects_reply: boolean) => {
  const data = { agent_id: "a-1", kind, data: { seq }, expects_reply, in_reply_to: null };
  const event = {
    id: `e-${seq}`,
    seq,
    channel: "agent.a-1.message",
    type: "agent.message",
    source: "agent:b-1",
    time: "",
    priority: "normal",
    data,
  };
  server.broadcast({ jsonrpc: "2.0", method: "event.push", params: { subscription_id: "s1", event } });
};

test("the loop receives messages one at a time; replies and failures are sent to senders that wait, and every message is acknowledged", async () => {
  await using server = await LineServer.open(({ method }) =>
    method === "event.subscribe"
      ? { subscription_id: "s1", cursor: 0, cursor_reset: false }
      : { ok: true, id: "e", reply: null },
  );
  const client = createClient({ socketPath: server.path });
  const ending = new AbortController();
  const got: IncomingMessage[] = [];
  const troubles: string[] = [];
  const loop: Loop = {
    tick: () => Promise.resolve(),
    onMessage: async (message) => {
      got.push(message);
      if (message.kind === "bad") throw new Error("cannot");
      return { twice: Number(message.data["seq"]) * 2 };
    },
  };
  const context = { agentId: "a-1", signal: ending.signal } as LoopContext;
  const served = serveInbox({ client, loop, context, onTrouble: (message) => troubles.push(message) });
  await until(() => server.of("event.subscribe").length === 1, "the subscription");
  expect(server.of("event.subscribe")[0]?.params).toMatchObject({ channels: ["agent.a-1.message"], name: "inbox" });
  push(server, 1, "ask", true);
  push(server, 2, "tell", false);
  push(server, 3, "bad", true);
  await until(() => server.of("event.ack").length === 3, "the acks");
  expect(got.map(({ id, from, kind }) => [id, from, kind])).toEqual([
    ["e-1", "agent:b-1", "ask"],
    ["e-2", "agent:b-1", "tell"],
    ["e-3", "agent:b-1", "bad"],
  ]);
  expect(server.of("agent.send").map(({ params }) => params)).toEqual([
    { kind: "reply", data: { twice: 2 }, in_reply_to: "e-1" },
    { kind: "failed", data: { message: "cannot" }, in_reply_to: "e-3" },
  ]);
  expect(troubles).toHaveLength(1);
  ending.abort();
  await served;
  await client.close();
});
