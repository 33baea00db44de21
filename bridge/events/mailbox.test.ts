import { describe, expect, test } from "@jest/globals";
import { openTestLog, type TestLog } from "../../tests/support/event-log.ts";
import { ManualClock } from "../../tests/support/manual-clock.ts";
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
    const id = await new Mailbox(t.log).send(question);
    await t.reopen();
    expect(new Mailbox(t.log).senderOf(id, "agent:answerer-1")).toBe("agent:asker-1");
    expect(new Mailbox(t.log).senderOf("0badc0de-1", "agent:answerer-1")).toBeUndefined();
    expect(new Mailbox(t.log).senderOf("nonsense", "agent:answerer-1")).toBeUndefined();
  });
});
