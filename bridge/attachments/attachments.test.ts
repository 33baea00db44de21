import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { tempDirectory } from "../../tests/support/temp.ts";
import { systemClock } from "../platform/clock.ts";
import { Store } from "../store/index.ts";
import { lineDiff } from "./diff.ts";
import { type Attachment, Attachments, attachmentMigrations } from "./index.ts";

let directory: ReturnType<typeof tempDirectory>;
let store: Store;
let told: Attachment[];
let attachments: Attachments;
beforeEach(() => {
  directory = tempDirectory();
  told = [];
  store = new Store(join(directory.path, "store.db"), attachmentMigrations, "2026-11-21T08:00:00.000Z");
  attachments = new Attachments(store, systemClock, (one) => told.push(one));
});
afterEach(() => {
  store.close();
  directory[Symbol.dispose]();
});

const draft = (content: string, encoding: "raw" | "base64" = "raw") => ({
  name: "a.env",
  content,
  encoding,
  type: "env",
  metadata: { by: "x" },
});
const contents = () => store.read((sql) => Number(sql.get("SELECT count(*) AS n FROM attachment_contents")?.["n"]));

describe("Attachments", () => {
  test("keeps versions by their content, and publishes each", async () => {
    for (const content of ["one", "two", "one"]) await attachments.attach(draft(content), "user:0");
    expect(attachments.list()).toMatchObject([{ name: "a.env", version: 3, size: 3, metadata: { by: "x" } }]);
    expect(attachments.get("a.env", 2).content).toBe("two");
    expect(contents()).toBe(2);
    expect(told.map(({ version }) => version)).toEqual([1, 2, 3]);
    expect(() => attachments.get("b.env")).toThrow(expect.objectContaining({ code: "CONFIG_NOT_FOUND" }));
  });

  test("deletes versions beyond the twentieth, with their contents", async () => {
    for (let n = 0; n < 25; n++) await attachments.attach(draft(`${n}`), "user:0");
    expect(contents()).toBe(20);
    expect(() => attachments.get("a.env", 5)).toThrow();
    expect(attachments.get("a.env", 6).content).toBe("5");
  });

  test("accepts at most 1 MiB, and only well-formed base64", async () => {
    await attachments.attach(draft("x".repeat(1_048_576)), "user:0");
    for (const bad of [draft("x".repeat(1_048_577)), draft("not base64!", "base64"), draft("QQ=Q", "base64")])
      await expect(attachments.attach(bad, "user:0")).rejects.toMatchObject({ code: "CONFIG_TOO_LARGE" });
    await attachments.attach(draft("AP+A", "base64"), "user:0");
    expect(attachments.get("a.env")).toMatchObject({ content: "AP+A", size: 3 });
  });
});

test("lineDiff() shows every changed line", () => {
  expect(lineDiff("a\nb\nc", "a\nx\nc")).toBe(" a\n-b\n+x\n c");
  expect(lineDiff("", "a")).toBe("+a");
  expect(lineDiff("a", "a")).toBe(" a");
  const many = Array.from({ length: 2_100 }, (_, n) => `${n}`).join("\n");
  expect(lineDiff(many, `${many}\nnew`).split("\n").at(-1)).toBe("+new");
});
