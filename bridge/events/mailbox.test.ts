import { describe, expect, test } from "@jest/globals";
import { openTestLog, type TestLog, TestSink } from "../../tests/support/event-log.ts";
import { ManualClock } from "../../tests/support/manual-clock.ts";
import { silentLogger } from "../logging/index.ts";
import { Consumers } from "./consumers.ts";
import { Mailbox } from "./mailbox.ts";

const never = new AbortController().signal;
const question = { from: "agent:asker-1", to: "agent:answerer-1", kind: "ask", data: { n: 1 } };
const inbox = (t: TestLog, agentId: string) => t.log.history({ channels: [`agent.${agentId}.message`] }, 0, 100).events;

describe("Mailbox", () => {
  test("returns the reply to the caller, and puts it in no inbox", async () => {
    await using t = await openTestLog();
    const mailbox = new Mailbox(t.log);
    const asked = mailbox.ask(question, 5_000, never);
    await t.store.write(() => undefined);
    const [message] = inbox(t, "answerer-1");
    expect(message).toMatchObject({
      source: "agent:asker-1",
      data: { kind: "ask", data: { n: 1 }, expects_reply: true },
    });
    const id = String(message?.id);
    expect(mailbox.senderOf(id, "agent:answerer-1")).toBe("agent:asker-1");
    expect(mailbox.senderOf(id, "agent:other-1")).toBeUndefined();
    await mailbox.send({
      from: "agent:answerer-1",
      to: "agent:asker-1",
      kind: "answer",
      data: { n: 2 },
      inReplyTo: id,
    });
    const { reply } = await asked;
    expect(reply).toMatchObject({ correlation_id: id, data: { kind: "answer", data: { n: 2 }, in_reply_to: id } });
    expect(inbox(t, "asker-1")).toEqual([]);
  });

  test("reports when no reply arrives in time; a late reply goes to the inbox", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ clock });
    const mailbox = new Mailbox(t.log);
    const asked = mailbox.ask(question, 1_000, never);
    await t.store.write(() => undefined);
    clock.advance(1_000);
    await expect(asked).rejects.toMatchObject({ code: "TIMED_OUT" });
    const id = String(inbox(t, "answerer-1")[0]?.id);
    await mailbox.send({ from: "agent:answerer-1", to: "agent:asker-1", kind: "answer", data: {}, inReplyTo: id });
    expect(inbox(t, "asker-1")).toHaveLength(1);
  });

  test("keeps over a restart who may answer which message", async () => {
    await using t = await openTestLog();
    const { id } = await new Mailbox(t.log).send(question);
    await t.reopen();
    expect(new Mailbox(t.log).senderOf(id, "agent:answerer-1")).toBe("agent:asker-1");
    expect(new Mailbox(t.log).senderOf("0badc0de-1", "agent:answerer-1")).toBeUndefined();
    expect(new Mailbox(t.log).senderOf("nonsense", "agent:answerer-1")).toBeUndefined();
  });
});

describe("an inbox", () => {
  const to = (receiver: string, from: string, text = "") => ({ from, to: receiver, kind: "note", data: { text } });
  const outcomes = async (mailbox: Mailbox, messages: readonly ReturnType<typeof to>[]) => {
    const all = await Promise.allSettled(messages.map((message) => mailbox.send(message)));
    return {
      stored: all.filter(({ status }) => status === "fulfilled").length,
      codes: new Set(all.flatMap((one) => (one.status === "rejected" ? [String(one.reason.code)] : []))),
    };
  };
  const times = (count: number, message: ReturnType<typeof to>) => Array.from({ length: count }, () => message);

  test("holds so many messages of one sender and of all agents; people, other receivers and other senders have room", async () => {
    await using t = await openTestLog();
    const mailbox = new Mailbox(t.log);
    const loud = await outcomes(mailbox, times(1_500, to("agent:a-1", "agent:loud-1")));
    expect(loud).toEqual({ stored: 1_000, codes: new Set(["AGENT_OVERLOADED"]) });
    const others = ["agent:loud-2", "agent:loud-3"].map((from) =>
      outcomes(mailbox, times(1_100, to("agent:a-1", from))),
    );
    expect((await Promise.all(others)).map(({ stored }) => stored).reduce((a, b) => a + b)).toBe(1_000);
    expect((await mailbox.send(to("agent:a-1", "user:0"))).unread).toMatchObject({ messages: 2_001, hasReader: false });
    expect((await mailbox.send(to("agent:b-1", "agent:loud-1"))).unread).toMatchObject({ messages: 1 });
    const reported = t.log.history({ channels: ["agent.a-1.inbox_full"] }, 0, 100).events;
    expect(reported).toMatchObject([{ data: { agent_id: "a-1", sender: "agent:loud-1", has_reader: false } }]);
    expect(inbox(t, "b-1")).toHaveLength(1);
  });

  test("holds so many bytes of one sender, over a restart too", async () => {
    await using t = await openTestLog();
    const large = to("agent:a-1", "agent:loud-1", "x".repeat(200_000));
    expect((await outcomes(new Mailbox(t.log), times(30, large))).stored).toBe(20);
    await t.reopen();
    const again = new Mailbox(t.log);
    expect((await outcomes(again, [large])).stored).toBe(0);
    expect((await outcomes(again, [to("agent:a-1", "agent:loud-1")])).stored).toBe(1);
  });

  test("has room again for what its reader acknowledged, and for what was removed from the log", async () => {
    const clock = new ManualClock();
    await using t = await openTestLog({ clock, retention: { retentionDays: 1 } });
    const mailbox = new Mailbox(t.log);
    const consumers = new Consumers({ log: t.log, store: t.store, logger: silentLogger });
    const sink = new TestSink();
    const options = { ackDeadlineMs: 60_000, attemptsMax: 3, unackedMax: 2_000 };
    const key = { owner: "agent:a-1", name: "inbox" };
    const reader = await consumers.connect(key, { channels: ["agent.a-1.message"] }, options, sink, undefined);
    reader.start();
    await outcomes(mailbox, times(1_000, to("agent:a-1", "agent:loud-1")));
    await reader.ack(t.log.lastSeq - 10);
    expect((await mailbox.send(to("agent:a-1", "agent:loud-1"))).unread).toMatchObject({
      messages: 11,
      hasReader: true,
    });
    consumers.disconnect(key, reader);
    clock.advance(3 * 86_400_000);
    await t.store.write(() => undefined);
    for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
    const rows = t.store.read((sql) => sql.all("SELECT seq FROM event_inboxes"));
    expect(rows).toEqual([]);
  });

  test("lets one sender wait for so many replies, and others beside it", async () => {
    await using t = await openTestLog();
    const mailbox = new Mailbox(t.log);
    const off = new AbortController();
    const asking = Array.from({ length: 1_000 }, (_, n) =>
      mailbox.ask({ ...question, to: `agent:a-${n}` }, 60_000, off.signal).catch(() => undefined),
    );
    await expect(mailbox.ask(question, 1_000, never)).rejects.toMatchObject({ code: "RATE_LIMITED" });
    const other = mailbox.ask({ ...question, from: "agent:other-1" }, 60_000, off.signal).catch(String);
    off.abort(new Error("enough"));
    await Promise.all(asking);
    expect(await other).toContain("enough");
    await expect(mailbox.ask(question, 1, never)).rejects.toMatchObject({ code: "TIMED_OUT" });
  });
});
