import type { Principal } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { draft, openTestLog } from "../../../tests/support/event-log.ts";
import { matrixMigrations } from "./migrations.ts";
import { RoomReader, type RoomReaderDeps } from "./room-reader.ts";

const ann = { kind: "user", id: "user:0", role: "admin" } as unknown as Principal;
const agent = { kind: "agent", id: "agent:a-1", role: "agent", agentId: "a-1" } as unknown as Principal;
const signal = new AbortController().signal;

async function setUp() {
  const t = await openTestLog({ migrations: matrixMigrations });
  const rights = { mayUseChannel: () => true, channels: () => ["matrix.!r.message"] };
  const reader = () => new RoomReader({ log: t.log, store: t.store, rooms: {}, rights } as unknown as RoomReaderDeps);
  const say = (body: string, room = "!r") =>
    t.log.publish(draft(`matrix.${room}.message`, { type: "matrix.message", data: { body } }));
  const receive = async (
    who: Principal,
    query: { roomId?: string; cursor?: number; limit?: number; timeoutMs?: number } = {},
  ) => {
    const { messages } = await reader().receive(who, { limit: 100, timeoutMs: 0, ...query }, signal);
    return messages.map(({ body }) => body);
  };
  return { t, say, receive };
}

test("without a cursor each caller gets each message once, and first the newest ones", async () => {
  const { t, say, receive } = await setUp();
  for (const body of ["one", "two", "three"]) await say(body);
  expect(await receive(ann, { limit: 2 })).toEqual(["two", "three"]);
  expect(await receive(ann)).toEqual([]);
  expect(await receive(agent)).toEqual(["one", "two", "three"]);
  await say("four");
  await say("elsewhere", "!other");
  expect(await receive(ann)).toEqual(["four", "elsewhere"]);
  expect(await receive(ann, { roomId: "!other" })).toEqual(["elsewhere"]);
  expect(await receive(agent)).toEqual(["four"]);
  const waiting = receive(ann, { timeoutMs: 60_000 });
  await say("five");
  expect(await waiting).toEqual(["five"]);
  expect(await receive(ann)).toEqual([]);
  // A cursor of one's own moves nothing.
  await say("six");
  expect(await receive(ann, { cursor: 0 })).toEqual(["one", "two", "three", "four", "elsewhere", "five", "six"]);
  expect(await receive(ann)).toEqual(["six"]);
  await t[Symbol.asyncDispose]();
});

test("a message behind many other events is found", async () => {
  const { t, say, receive } = await setUp();
  await receive(ann);
  await Promise.all(Array.from({ length: 6_000 }, () => t.log.publish(draft("a.b"))));
  await say("late");
  expect(await receive(ann)).toEqual(["late"]);
  await t[Symbol.asyncDispose]();
});

test("messages that do not fit into an answer come with the next one", async () => {
  const { t, say, receive } = await setUp();
  await receive(ann);
  const bodies = Array.from({ length: 40 }, (_, n) => `${n} ${"x".repeat(250_000)}`);
  for (const body of bodies) await say(body);
  const first = await receive(ann);
  const firstOfAgent = await receive(agent);
  expect(first.length).toBeLessThan(40);
  expect([first, await receive(ann)]).toEqual([bodies.slice(0, first.length), bodies.slice(first.length)]);
  // A first call gets the newest ones.
  expect(firstOfAgent).toEqual(bodies.slice(-firstOfAgent.length));
  expect([firstOfAgent.length > 0, firstOfAgent.length < 40, await receive(agent)]).toEqual([true, true, []]);
  await t[Symbol.asyncDispose]();
});
