import { expect, test } from "@jest/globals";
import { approvalPrompt, decisionNotice, reactionAnswer } from "./approval-messages.ts";

const code = "0123456789abcdef";
const asked = {
  agent_id: "gmail-1",
  approval_id: "ap_2f4a9c01d3e5b7f8",
  method: "http.request",
  request: '{"url":"https://example.org"}',
  digest: "0".repeat(64),
  reason: null,
  expires_at: "2026-11-21T08:15:00.000Z",
};

test("the whole request is shown, with deceptive characters as their code points", () => {
  const tail = `${"x".repeat(19_000)}DELETE EVERYTHING`;
  expect(approvalPrompt({ ...asked, request: tail }, code)).toContain("DELETE EVERYTHING");
  const text = approvalPrompt(
    { ...asked, request: "rm \u202exfr\u202c\u200b \u001b[2K\nsafe", reason: "a\u2066b" },
    code,
  );
  expect(text).toContain("rm \\u{202e}xfr\\u{202c}\\u{200b} \\u{1b}[2K\\u{a}safe");
  expect(text).toContain("a\\u{2066}b");
  expect(text).toContain("!approve 0123456789abcdef");
  expect(text).not.toContain("2f4a9c01d3e5b7f8");
});

test("letters that look like others are named", () => {
  const request = '{"to":"p\u0430yp\u0430l.com","note":"\u043f\u0440\u0438\u0432\u0435\u0442 \u8a9e"}';
  expect(approvalPrompt({ ...asked, request }, code)).toMatch(/several alphabets.*: p\\u\{430\}yp\\u\{430\}l$/m);
  expect(approvalPrompt(asked, code)).not.toContain("alphabets");
});

test("a request that is too long for a room is not shown in part", () => {
  const text = approvalPrompt({ ...asked, request: "y".repeat(20_001) }, code);
  expect(text).not.toContain("yyy");
  expect(text).toContain("0".repeat(64));
});

test("only plain yes and no emoji count as answers", () => {
  expect(["✅", "👍"].map(reactionAnswer)).toEqual(Array(2).fill("approval.approve"));
  expect(["❌", "❎", "👎", "🚫"].map(reactionAnswer)).toEqual(Array(4).fill("approval.deny"));
  expect(["👀", "", "✅✅", "yes", "☑"].map(reactionAnswer)).toEqual(Array(5).fill(undefined));
});

test("the end of a question is reported", () => {
  const decided = { agent_id: "gmail-1", approval_id: asked.approval_id, method: "m" };
  expect(decisionNotice({ ...decided, status: "approved", decided_by: "matrix:@ann:x" })).toBe(
    "Approved by matrix:@ann:x.",
  );
  expect(decisionNotice({ ...decided, status: "expired", decided_by: null })).toMatch(/in time/);
  expect(decisionNotice({ ...decided, status: "used", decided_by: null })).toBeUndefined();
});
