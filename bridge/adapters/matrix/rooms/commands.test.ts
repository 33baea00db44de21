import { BridgeError } from "@armorclaw/protocol/errors";
import { describe, expect, test } from "@jest/globals";
import { type RoomCommandSettings, RoomCommands, type RoomMember } from "./commands.ts";
import type { InboundMessage, MatrixRole } from "./inbound.ts";

const nowMs = Date.parse("2026-11-21T08:00:00.000Z");

const message = (body: string, changes: Partial<InboundMessage> = {}): InboundMessage => ({
  room_id: "!r:x",
  room: "!r:x",
  event_id: "$1",
  sender: "@ann:x",
  kind: "text",
  body,
  trust: "verified",
  sent_at: "2026-11-21T07:59:59.000Z",
  is_backfilled: false,
  ...changes,
});

function setUp(options: { role?: MatrixRole | undefined; require?: RoomCommandSettings["require"] } = {}) {
  const { role = "operator", require = "verified" } = options;
  const answers: string[] = [];
  const lines = ["one", "two"];
  const refused: [string, string, string][] = [];
  const calls: { method: string; params: object; caller: RoomMember }[] = [];
  let monotonic = 0;
  const results: Record<string, () => unknown> = {
    "agent.list": () => ({ agents: [] }),
    "agent.stop": () => ({ agent_id: "heartbeat-1", state: "stopped" }),
    "agent.logs": () => ({ lines: 2 }),
    "approval.approve": () => ({}),
    "bridge.panic": () => ({}),
    "agent.start": () => {
      throw new BridgeError("LOOP_NOT_FOUND", "No loop is named x");
    },
    "bridge.status": () => {
      throw new Error("a secret detail");
    },
  };
  const commands = new RoomCommands(
    {
      clock: {
        now: () => nowMs,
        monotonic: () => monotonic,
        after: () => ({ cancel() {} }),
        every: () => ({ cancel() {} }),
      },
      trust: { isTrustedRoom: () => true, roleOf: () => role },
      methods: {
        effectOf: (method) =>
          results[method] === undefined
            ? undefined
            : ["agent.list", "agent.logs", "bridge.status"].includes(method)
              ? "read"
              : "write",
        call: async (method, params, caller) => {
          calls.push({ method, params, caller });
          return { result: results[method]?.(), items: lines.map((line) => ({ line })) };
        },
      },
      approvalOf: (code) => (code === "0123456789abcdef" ? "ap_2f4a9c01d3e5b7f8" : undefined),
      codeOf: () => undefined,
      answer: async (_, text) => void answers.push(text),
      answerEdit: async (_, text) => void answers.push(text),
      refused: ({ sender, method, reason }) => void refused.push([`matrix:${sender}`, method, reason]),
    },
    { require },
  );
  const pass = (ms: number) => {
    monotonic += ms;
  };
  return { commands, answers, lines, calls, refused, pass };
}

describe("RoomCommands", () => {
  test.each(["!Stop heartbeat-1", "! stop heartbeat-1", "!STOP heartbeat-1", "  !stop heartbeat-1 "])(
    "takes %j as a command",
    async (body) => {
      const { commands, calls } = setUp();
      expect(await commands.handle(message(body))).toBe(true);
      expect(calls).toMatchObject([{ method: "agent.stop", params: { agent_id: "heartbeat-1" } }]);
    },
  );

  test("takes the text below a quoted question as the command, and only in a reply", async () => {
    const { commands, calls } = setUp();
    const body = "> <@bot:x> heartbeat-1 requests: mail.send\n> !deny 0123456789abcdef\n\n!approve 0123456789ABCDEF";
    expect(await commands.handle(message(body))).toBe(false);
    expect(await commands.handle(message(body, { reply_to: "$q" }))).toBe(true);
    expect(calls).toMatchObject([{ method: "approval.approve", params: { approval_id: "ap_2f4a9c01d3e5b7f8" } }]);
    expect(await commands.handle(message("> !stop heartbeat-1", { reply_to: "$q" }))).toBe(false);
  });

  test("records a command that was refused because of its device or its room", async () => {
    const { commands, refused } = setUp();
    await commands.handle(message("!panic", { trust: "unverified" }));
    await commands.handle(message("!stop heartbeat-1", { trust: "plain" }));
    expect(refused).toEqual([
      ["matrix:@ann:x", "bridge.panic", "not_verified"],
      ["matrix:@ann:x", "agent.stop", "not_encrypted"],
    ]);
  });

  test("calls the method with the person's own identity and role, and answers", async () => {
    const { commands, answers, calls } = setUp();
    expect(await commands.handle(message("!stop heartbeat-1"))).toBe(true);
    expect(calls).toEqual([
      {
        method: "agent.stop",
        params: { agent_id: "heartbeat-1" },
        caller: { id: "matrix:@ann:x", userId: "@ann:x", role: "operator" },
      },
    ]);
    expect(answers).toEqual(["heartbeat-1: stopped"]);
  });

  test("shows the items of a stream", async () => {
    const { commands, answers } = setUp();
    await commands.handle(message("!logs heartbeat-1"));
    expect(answers).toEqual(["| one\n| two"]);
  });

  test.each(["hello", "stop heartbeat-1", "> !stop heartbeat-1", "please !stop heartbeat-1", "hi\n!stop heartbeat-1"])(
    "does not take %j as a command",
    async (body) => {
      const { commands, calls, answers } = setUp();
      expect(await commands.handle(message(body))).toBe(false);
      expect([calls, answers]).toEqual([[], []]);
    },
  );

  test.each(["notice", "emote", "image", "other"])("does not take a %s as a command", async (kind) => {
    const { commands, calls } = setUp();
    expect(await commands.handle(message("!stop heartbeat-1", { kind }))).toBe(false);
    expect(calls).toEqual([]);
  });

  test.each([
    ["plain", "verified", false],
    ["unverified", "verified", false],
    ["verified", "verified", true],
    ["plain", "encrypted", false],
    ["unverified", "encrypted", true],
    ["plain", "nothing", true],
  ] as const)(
    "a command that changes something, in a %s message, where %s is required: %s",
    async (trust, require, isRun) => {
      const { commands, calls } = setUp({ require });
      await commands.handle(message("!stop heartbeat-1", { trust }));
      expect(calls.length > 0).toBe(isRun);
    },
  );

  test("a command that only reads needs no encryption", async () => {
    const { commands, calls } = setUp();
    await commands.handle(message("!ps", { trust: "plain" }));
    expect(calls).toHaveLength(1);
  });

  test("refuses a command that arrives too late", async () => {
    const { commands, calls, answers } = setUp();
    await commands.handle(message("!stop heartbeat-1", { sent_at: "2026-11-21T07:54:00.000Z" }));
    expect(calls).toEqual([]);
    expect(answers[0]).toMatch(/more than five minutes ago/);
  });

  test("shows a catalogue error with its remedy, and no detail of a bug", async () => {
    const { commands, answers } = setUp();
    await commands.handle(message("!start x"));
    await commands.handle(message("!status"));
    expect(answers[0]).toBe(
      "LOOP_NOT_FOUND: No loop is named x. On the bridge's machine: Run `armorclaw loops` to list the loops.",
    );
    expect(answers[1]).not.toContain("secret");
  });

  test("explains how commands are written, and lists only those that this bridge has", async () => {
    const { commands, answers } = setUp();
    await commands.handle(message("!stop"));
    await commands.handle(message("!budget"));
    await commands.handle(message("!help"));
    expect(answers[0]).toBe("Usage: !stop AGENT");
    expect(answers[1]).toMatch(/There is no !budget/);
    expect(answers[2]).toContain("!ps: list the agents");
    expect(answers[2]).not.toContain("!budget");
  });

  test("answers a flood only in part, reports that once, and still runs a panic command", async () => {
    const { commands, calls, answers, pass } = setUp();
    for (let n = 0; n < 10_000; n += 1) await commands.handle(message("!ps"));
    expect(calls).toHaveLength(30);
    expect(answers.slice(30)).toEqual(["Too many commands at once; this one was ignored. Wait 2 s."]);
    await commands.handle(message("!panic"));
    expect(calls.at(-1)?.method).toBe("bridge.panic");
    pass(2000);
    await commands.handle(message("!ps"));
    expect(calls).toHaveLength(32);
  });

  test("a code is valid only in the room of its question", async () => {
    const { commands, calls, answers, refused } = setUp();
    // An agent knows the id of its approval, and not the code in the bridge's question.
    for (const code of ["2f4a9c01d3e5b7f8", "ap_2f4a9c01d3e5b7f8", "fedcba9876543210"])
      await commands.handle(message(`!approve ${code}`));
    expect(answers).toEqual(Array(3).fill(expect.stringMatching(/^This room has no approval request with that code/)));
    expect(calls).toEqual([]);
    expect(refused).toEqual(Array(3).fill(["matrix:@ann:x", "approval.approve", "wrong_code"]));
  });

  test.each(["!approve 0123456789abcdef\nplease", "!approve\u0000x", "!thisnameismuchtoolongforacommand"])(
    "%j is answered, and not executed",
    async (body) => {
      const { commands, calls, answers } = setUp();
      expect(await commands.handle(message(body))).toBe(true);
      expect(answers).toEqual([expect.stringMatching(/^That is no command/)]);
      expect(calls).toEqual([]);
    },
  );

  test("an edit into a command is answered, and not executed", async () => {
    const { commands, calls, answers, refused } = setUp();
    const edit = { ...message("!stop heartbeat-1"), target_event_id: "$0" };
    await commands.handleEdit(edit);
    await commands.handleEdit({ ...edit, body: "good morning" });
    expect(answers).toEqual([expect.stringMatching(/^An edited message is not executed/)]);
    expect(refused).toEqual([["matrix:@ann:x", "agent.stop", "edited"]]);
    expect(calls).toEqual([]);
  });

  test("lines of agents stay lines of agents", async () => {
    const { commands, answers, lines } = setUp();
    lines.push("a\rResolved: all", "b\u2028Approved.", "c\u202ed");
    await commands.handle(message("!logs heartbeat-1"));
    expect(answers[0]?.split("\n").slice(-3)).toEqual(["| a Resolved: all", "| b Approved.", "| c d"]);
  });
});
