import { describe, expect, test } from "@jest/globals";
import type { InboundEvent } from "../protocol/worker-protocol.ts";
import { inboundDraft, type MatrixTrust, readInbound, roomSegment } from "./inbound.ts";

const ann = "@ann:example.org";
const room = "!room:example.org";
const trust: MatrixTrust = {
  isTrustedRoom: (id) => id === room,
  roleOf: (id) => (id === ann ? "operator" : undefined),
};

const event = (changes: Partial<InboundEvent> = {}): InboundEvent => ({
  roomId: room,
  eventId: "$1",
  sender: ann,
  type: "m.room.message",
  content: { msgtype: "m.text", body: "hello" },
  sentAtMs: 0,
  ageMs: 0,
  trust: "verified",
  isBackfilled: false,
  ...changes,
});

describe("readInbound", () => {
  test("reads a trusted person in a trusted room", () => {
    expect(readInbound(event(), trust)).toEqual({
      type: "matrix.message",
      data: {
        room_id: room,
        room: "!room:example%2Eorg",
        event_id: "$1",
        sender: ann,
        kind: "text",
        body: "hello",
        trust: "verified",
        sent_at: "1970-01-01T00:00:00.000Z",
        is_backfilled: false,
      },
    });
  });

  test.each([
    "@Ann:example.org",
    "@ANN:EXAMPLE.ORG",
    "@ann:Example.org",
    "@ann:example.org.evil.org",
    "@ann:example.org:8448",
    "@ann:example.com",
    "@ann:evil.org",
    "ann:example.org",
    "@ann",
    "ann",
    "Ann",
    "*:example.org",
    "@*:example.org",
    "@ann:*",
    "@ann :example.org",
    " @ann:example.org",
    "@ann:example.org ",
    "@ann:example.org\n",
    "@ann:example.org\0",
    "@ann\u200b:example.org",
    "@\u0430nn:example.org",
    "@ann:ex\u0430mple.org",
    "@ann:example.org\u202e",
    "\u202e@ann:example.org",
    "@ann:example。org",
    "@ann：example.org",
    "@ann:example.org/",
    "@ann:example.org#",
    "@ann:example.org?x=1",
    "@ann%3Aexample.org",
    "@bob:example.org (@ann:example.org)",
    "@bob:example.org\t@ann:example.org",
    "@ann:example.org@bob:evil.org",
    "@bob@ann:example.org",
    "@annn:example.org",
    "@an:example.org",
    "@ann.:example.org",
    "@_bridge_ann:example.org",
    "__proto__",
    "constructor",
    "",
  ])("does not take %j as that person", (sender) => {
    expect(readInbound(event({ sender }), trust)).toBeUndefined();
  });

  test.each(["!room:example.org.evil.org", "!ROOM:example.org", "!room", "#room:example.org", ""])(
    "does not take the room %j as a trusted one",
    (roomId) => {
      expect(readInbound(event({ roomId }), trust)).toBeUndefined();
    },
  );

  test("reads nobody when nobody is configured", () => {
    const nobody: MatrixTrust = { isTrustedRoom: () => false, roleOf: () => undefined };
    expect(readInbound(event(), nobody)).toBeUndefined();
  });

  test("ignores other event types and malformed contents", () => {
    const contents: Record<string, unknown>[] = [
      { msgtype: "m.text", body: "* !panic", "m.relates_to": { rel_type: "m.replace" } },
      { msgtype: "m.text" },
      { body: "hello" },
      { msgtype: "m.text", body: 7 },
      { msgtype: "m.text", body: "hello", "m.relates_to": "x" },
      {},
    ];
    for (const content of contents) expect(readInbound(event({ content }), trust)).toBeUndefined();
    expect(readInbound(event({ type: "m.room.topic" }), trust)).toBeUndefined();
    expect(readInbound(event({ type: "m.reaction", content: {} }), trust)).toBeUndefined();
  });

  test("reads an edit as an edit, with its whole new text", () => {
    const relation = { "m.relates_to": { rel_type: "m.replace", event_id: "$0" } };
    const content = { msgtype: "m.text", body: "* !panic", ...relation, "m.new_content": { body: "!panic" } };
    expect(readInbound(event({ content }), trust)).toMatchObject({
      type: "matrix.edited",
      data: { event_id: "$1", target_event_id: "$0", body: "!panic", trust: "verified" },
    });
    const old = { msgtype: "m.text", body: "hi", ...relation };
    expect(readInbound(event({ content: old }), trust)?.data).toMatchObject({ body: "hi" });
    expect(readInbound(event({ content, sender: "@eve:x" }), trust)).toBeUndefined();
  });

  test("reads a redaction by any member of a trusted room", () => {
    const redaction = { type: "m.room.redaction", content: { redacts: "$0" }, sender: "@mod:x" };
    expect(readInbound(event(redaction), trust)).toMatchObject({
      type: "matrix.redacted",
      data: { sender: "@mod:x", target_event_id: "$0" },
    });
    expect(readInbound(event({ ...redaction, roomId: "!other:x" }), trust)).toBeUndefined();
    expect(readInbound(event({ ...redaction, content: {} }), trust)).toBeUndefined();
  });

  test("distinguishes threads from replies, and passes media by reference without their keys", () => {
    const thread = {
      rel_type: "m.thread",
      event_id: "$root",
      is_falling_back: true,
      "m.in_reply_to": { event_id: "$last" },
    };
    const file = { url: "mxc://example.org/1", key: { k: "the key" }, iv: "x", hashes: {}, v: "v2" };
    const content = {
      msgtype: "m.image",
      body: "a.png",
      file,
      info: { mimetype: "image/png", size: 9 },
      "m.relates_to": thread,
    };
    const inbound = readInbound(event({ content }), trust);
    expect(inbound?.data).toMatchObject({
      kind: "image",
      thread_id: "$root",
      media: { uri: "mxc://example.org/1", name: "a.png", mimetype: "image/png", size_bytes: 9, is_encrypted: true },
    });
    expect(inbound?.data).not.toHaveProperty("reply_to");
    expect(JSON.stringify(inbound)).not.toContain("the key");
    const reply = { msgtype: "m.text", body: "yes", "m.relates_to": { "m.in_reply_to": { event_id: "$q" } } };
    expect(readInbound(event({ content: reply }), trust)?.data).toMatchObject({ reply_to: "$q" });
  });

  test("reads an emoji with or without the variation selectors that clients add", () => {
    for (const key of ["✅", "✅\ufe0f"]) {
      const content = { "m.relates_to": { rel_type: "m.annotation", event_id: "$q", key } };
      expect(readInbound(event({ type: "m.reaction", content }), trust)?.data).toMatchObject({ key: "✅" });
    }
    const content = { "m.relates_to": { rel_type: "m.annotation", event_id: "$q", key: "👍🏽" } };
    expect(readInbound(event({ type: "m.reaction", content }), trust)?.data).toMatchObject({ key: "👍" });
  });

  test("reports what it could not decrypt, and drops impossible timestamps", () => {
    expect(readInbound(event({ undecryptable: "NO_KEY" }), trust)).toMatchObject({
      type: "matrix.undecryptable",
      data: { reason: "NO_KEY" },
    });
    expect(readInbound(event({ sentAtMs: 1e300 }), trust)?.data).toMatchObject({ sent_at: "1970-01-01T00:00:00.000Z" });
  });
});

test("a room's name is one segment of a channel", () => {
  expect(roomSegment("!a.b*c>d e%f\n:x")).toBe("!a%2Eb%2Ac%3Ed%20e%25f%0A:x");
  const inbound = readInbound(event(), trust);
  expect(inbound && inboundDraft(inbound).channel).toBe("matrix.!room:example%2Eorg.message");
});
