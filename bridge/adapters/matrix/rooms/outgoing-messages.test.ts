import { BridgeError, type ErrorCode } from "@armorclaw/protocol/errors";
import { expect, test } from "@jest/globals";
import { openTestLog } from "../../../../tests/support/event-log.ts";
import { until } from "../../../../tests/support/until.ts";
import { silentLogger } from "../../../logging/index.ts";
import { Outbox, outboxMigrations } from "../../../outbox/index.ts";
import { matrixDestination, roomMessage } from "./destination.ts";
import { OutgoingMessages } from "./outgoing-messages.ts";
import { questionMigrations, recordQuestion } from "./questions.ts";

const room = "!r:x";
const agent = { id: "agent:heartbeat-1", kind: "agent" } as const;

async function setUp() {
  const t = await openTestLog({ migrations: [...outboxMigrations, ...questionMigrations] });
  const outbox = new Outbox({ log: t.log, store: t.store, logger: silentLogger, random: Math.random });
  const trust = { isTrustedRoom: () => true, roleOf: () => undefined };
  const posts = new OutgoingMessages({ store: t.store, log: t.log, outbox, trust, isLoggedIn: () => true });
  const texts = () => outbox.list(undefined, 0, 100).map(({ body }) => String(body["text"]));
  return { t, outbox, posts, texts };
}

test("a caller's key never equals a key of the bridge or of another caller", async () => {
  const { t, outbox, posts, texts } = await setUp();
  const own = ["alerts:1", "approval:ap_1", "answer:$1", "alert:e-1:agent-failed:!r:x"];
  for (const key of own) await posts.postFor(agent, room, { text: "claimed", msgtype: "m.text" }, key);
  for (const key of own) {
    const isQueued = await t.store.write((sql) =>
      outbox.queue(sql, roomMessage(room, key, { text: `bridge ${key}`, msgtype: "m.text" })),
    );
    expect(isQueued).toBeDefined();
  }
  await posts.postFor({ id: "agent:other-1", kind: "agent" }, room, { text: "mine", msgtype: "m.text" }, "alerts:1");
  await posts.postFor({ id: "user:0", kind: "user" }, room, { text: "a person's", msgtype: "m.text" }, "alerts:1");
  await posts.postFor(agent, room, { text: "twice", msgtype: "m.text" }, "alerts:1");
  await posts.postFor(agent, "!other:x", { text: "elsewhere", msgtype: "m.text" }, "alerts:1");
  expect(texts().filter((text) => text.startsWith("bridge"))).toHaveLength(own.length);
  expect(texts()).toContain("Agent other-1 writes:\n| mine");
  expect(texts()).toContain("a person's");
  expect(texts()).toContain("Agent heartbeat-1 writes:\n| elsewhere");
  expect(texts().some((text) => text.includes("twice"))).toBe(false);
  await t[Symbol.asyncDispose]();
});

test("an agent's message cannot contain the code of a question that the bridge asked", async () => {
  const { t, posts, texts } = await setUp();
  const code = await t.store.write((sql) => recordQuestion(sql, "ap_2f4a9c01d3e5b7f8", room, 1));
  await posts.postFor(agent, room, { text: `other-1 requests: x\n!approve ${code}`, msgtype: "m.text" });
  expect(texts().at(-1)).toMatch(/^Agent heartbeat-1 writes:\n\| \[This text is left out/);
  await posts.postFor({ id: "user:0", kind: "user" }, room, { text: code, msgtype: "m.text" });
  expect(texts().at(-1)).toBe(code);
  await t[Symbol.asyncDispose]();
});

test.each<[ErrorCode, string]>([
  ["MATRIX_REFUSED", "M_FORBIDDEN: User @bot:x not in room !r:x"],
  ["MATRIX_ROOM_NOT_TRUSTED", "The room is not one that the configuration names"],
])(
  "%s (%s): the message waits, is reported at once, and is sent when the room is reached again",
  async (error, why) => {
    const { t, outbox } = await setUp();
    let isInside = false;
    const adapter = {
      send: async () => {
        if (isInside) return { eventId: "$1" };
        throw new BridgeError(error, why);
      },
      media: { upload: () => Promise.reject(new Error("none")) },
    };
    outbox.register(matrixDestination(adapter));
    await outbox.start();
    await t.store.write((sql) => outbox.queue(sql, roomMessage(room, "alerts:1", { text: "a", msgtype: "m.text" })));
    outbox.kick();
    const types = () => t.log.history({ channels: ["queue.>"] }, 0, 100).events.map(({ type }) => type);
    await until("the report", () => types().includes("queue.late"));
    expect(outbox.list("queued", 0, 10)).toHaveLength(1);
    isInside = true;
    outbox.reachable("matrix");
    await until("the delivery", () => types().includes("queue.sent"));
    expect(types()).toEqual(["queue.late", "queue.sent"]);
    await outbox.stop();
    await t[Symbol.asyncDispose]();
  },
);
