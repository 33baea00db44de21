import { createDecipheriv, createHash } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { encryptAttachment } from "../worker/attachment.ts";
import { eventContent, type OutgoingMessage } from "./content.ts";

const message = (changes: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  text: "hi",
  msgtype: "m.text",
  ...changes,
});
const contentOf = (changes: Partial<OutgoingMessage>) => eventContent(message(changes), undefined).content;

describe("eventContent", () => {
  test("a text mentions nobody", () => {
    expect(eventContent(message(), undefined)).toEqual({
      type: "m.room.message",
      content: { msgtype: "m.text", body: "hi", "m.mentions": {} },
    });
  });

  test("HTML is sent beside the text", () => {
    expect(contentOf({ html: "<b>hi</b>" })).toMatchObject({
      format: "org.matrix.custom.html",
      formatted_body: "<b>hi</b>",
    });
  });

  test("a message in a thread is a reply for clients without threads", () => {
    expect(contentOf({ threadId: "$t" })["m.relates_to"]).toEqual({
      rel_type: "m.thread",
      event_id: "$t",
      is_falling_back: true,
      "m.in_reply_to": { event_id: "$t" },
    });
    expect(contentOf({ threadId: "$t", replyTo: "$q" })["m.relates_to"]).toMatchObject({
      is_falling_back: false,
      "m.in_reply_to": { event_id: "$q" },
    });
    expect(contentOf({ replyTo: "$q" })["m.relates_to"]).toEqual({ "m.in_reply_to": { event_id: "$q" } });
  });

  test("a reaction is an annotation", () => {
    expect(eventContent(message({ text: "✅", reactsTo: "$q" }), undefined)).toEqual({
      type: "m.reaction",
      content: { "m.relates_to": { rel_type: "m.annotation", event_id: "$q", key: "✅" } },
    });
  });

  test("a file is sent with its name, type and size", () => {
    const file = { name: "a.png", mimetype: "image/png", base64: Buffer.from("12345").toString("base64") };
    expect(eventContent(message({ file }), { url: "mxc://x/1" }).content).toEqual({
      msgtype: "m.image",
      body: "hi",
      filename: "a.png",
      info: { mimetype: "image/png", size: 5 },
      url: "mxc://x/1",
      "m.mentions": {},
    });
  });
});

test("encryptAttachment: the event's key opens the file, and its hash is the ciphertext's", () => {
  const { ciphertext, file } = encryptAttachment(Buffer.from("a picture"));
  const key = Buffer.from(file.key.k, "base64url");
  const decipher = createDecipheriv("aes-256-ctr", key, Buffer.from(file.iv, "base64"));
  expect(Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString()).toBe("a picture");
  expect(createHash("sha256").update(ciphertext).digest("base64").replace(/=+$/, "")).toBe(file.hashes.sha256);
  expect(encryptAttachment(Buffer.from("a picture")).file.key.k).not.toBe(file.key.k);
});
