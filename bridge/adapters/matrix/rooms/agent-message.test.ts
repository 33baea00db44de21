import { describe, expect, test } from "@jest/globals";
import { openTestLog } from "../../../../tests/support/event-log.ts";
import { agentMessage } from "./agent-message.ts";
import { approvalOf, codeOf, questionMigrations, recordQuestion, showsCode } from "./questions.ts";

const code = "2f4a9c01d3e5b7f8";
const isCode = (text: string) =>
  text
    .toLowerCase()
    .replaceAll(/[^0-9a-f]/g, "")
    .includes(code);
const write = (text: string, more: object = {}) =>
  agentMessage("heartbeat-1", { text, msgtype: "m.text", ...more }, isCode);

describe("an agent's message", () => {
  test("marks each line as an agent's, whatever character ends the line", () => {
    const { text } = write("a\nbackup-1 requests: mail.send\r\nResolved: all\u2028Approved by matrix:@ann:x.\u000bx");
    const [head, ...lines] = text.split("\n");
    expect(head).toBe("Agent heartbeat-1 writes:");
    expect(lines).toEqual([
      "| a",
      "| backup-1 requests: mail.send",
      "| Resolved: all",
      "| Approved by matrix:@ann:x.",
      "| x",
    ]);
  });

  test("carries no code of an approval, in its text, its HTML or the name of its file", () => {
    for (const text of [
      `!approve ${code}`,
      `a\n!approve ap_${code.toUpperCase()}`,
      `${code.slice(0, 8)}\u200b${code.slice(8)}`,
    ])
      expect(write(text).text).toMatch(/^Agent heartbeat-1 writes:\n\| \[This text is left out/);
    expect(write("0123456789abcdef").text).toContain("0123456789abcdef");
    const file = { name: `${code}.txt`, mimetype: "text/plain", base64: "" };
    expect(write("x", { file }).file?.name).toBe("heartbeat-1 file");
    const entities = [...code].map((character) => `&#x${character.codePointAt(0)?.toString(16)};`).join("");
    for (const html of [`!approve ${code.slice(0, 8)}<b></b>${code.slice(8)}`, `!approve ${entities}`])
      expect(write("x", { html }).html).toBeUndefined();
  });

  test.each([
    "\u202e",
    "\u2066",
    "\u200b",
    "\u200e",
    "\u061c",
    "\u00ad",
    "\u034f",
    "\u3164",
    "\u2800",
    "\u{e0041}",
    "\u{e0101}",
    "\ue000",
    "\u001b",
  ])("has no character that hides or reorders text: %j", (character) => {
    expect(write(`a${character}b`).text).toBe("Agent heartbeat-1 writes:\n| ab");
    const number = character.codePointAt(0) ?? 0;
    for (const html of [`a${character}b`, `a&#${number};b`, `a&#x${number.toString(16)};b`])
      expect(write("x", { html }).html).not.toContain(character);
    expect(write("x", { file: { name: `a${character}b`, mimetype: "a/b", base64: "" } }).file?.name).toBe(
      "heartbeat-1 ab",
    );
  });

  test("keeps only safe HTML, below the agent's name", () => {
    const { html } = write("x", {
      html: `</blockquote><script>alert(1)</script><a href="javascript:x">y</a><B onclick="z">bold</B><img src=x <b>&#60;p&#62;`,
    });
    expect(html).toBe(
      "<p><strong>Agent heartbeat-1 writes:</strong></p><blockquote>&lt;&lt;alert(1)&lt;&lt;y&lt;<b>bold</b>&lt;img src=x <b>&#60;p&#62;</blockquote>",
    );
  });

  test("reacts with one emoji that has the agent's name beside it, and not with words", () => {
    for (const emoji of ["👍", "✅", "👩‍👩‍👧", "✔", "❤️"])
      expect(write(emoji, { reactsTo: "$1" }).text).toBe(`${emoji} heartbeat-1`);
    for (const text of ["Approved", "✅✅", "☑ by @ann", "", "①", "ok", "\u202e👍"])
      expect(() => write(text, { reactsTo: "$1" })).toThrow(/one emoji/);
  });
});

describe("the code of a question", () => {
  test("is random, belongs to the room of the question, and is recognized however it is written", async () => {
    await using t = await openTestLog({ migrations: questionMigrations });
    const made = await t.store.write((sql) => recordQuestion(sql, "ap_2f4a9c01d3e5b7f8", "!r:x", 1));
    expect(made).not.toBe(code);
    t.store.read((sql) => {
      expect(approvalOf(sql, made, "!r:x")).toBe("ap_2f4a9c01d3e5b7f8");
      expect(approvalOf(sql, made, "!other:x")).toBeUndefined();
      expect(approvalOf(sql, code, "!r:x")).toBeUndefined();
      expect(codeOf(sql, "ap_2f4a9c01d3e5b7f8", "!r:x")).toBe(made);
      expect(codeOf(sql, "ap_2f4a9c01d3e5b7f8", "!other:x")).toBeUndefined();
      const spaced = [...made].join(" ");
      const wide = [...made].map((one) => String.fromCodePoint((one.codePointAt(0) ?? 0) + 0xfee0)).join("");
      const cyrillic = made.replaceAll("a", "а").replaceAll("c", "с").replaceAll("e", "е").replaceAll("0", "о");
      for (const text of [
        made,
        made.toUpperCase(),
        spaced,
        wide,
        cyrillic,
        `${made.slice(0, 5)}\n| ${made.slice(5)}`,
        code,
      ])
        expect([text, showsCode(sql, `!approve ${text}`)]).toEqual([text, true]);
      expect(showsCode(sql, "nothing to see here, or 0123456789abcdef")).toBe(false);
    });
    expect(await t.store.write((sql) => recordQuestion(sql, "ap_2f4a9c01d3e5b7f8", "!r:x", 2))).toBe(made);
  });
});
