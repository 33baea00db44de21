import { expect, test } from "@jest/globals";
import { systemClock } from "../platform/clock.ts";
import { LogBook } from "./log-book.ts";

const texts = async (lines: AsyncIterable<{ line: string }>) => (await Array.fromAsync(lines)).map(({ line }) => line);

test("LogBook.read() gives the last lines", async () => {
  const book = new LogBook(systemClock, 10_000);
  for (let i = 1; i <= 5; i++) book.write("stdout", `line ${i}`);
  expect(await texts(book.read(2, false, new AbortController().signal))).toEqual(["line 4", "line 5"]);
});

test("LogBook keeps to its bound and forgets the oldest lines", async () => {
  const book = new LogBook(systemClock, 1_000);
  for (let i = 0; i < 100; i++) book.write("stdout", "x".repeat(36));
  expect(await texts(book.read(1_000, false, new AbortController().signal))).toHaveLength(10);
});

test("LogBook.read() follows until its signal, and tells a slow reader what it missed", async () => {
  const book = new LogBook(systemClock, 1_000);
  book.write("stdout", "first");
  const stop = new AbortController();
  const lines = book.read(10, true, stop.signal);
  expect((await lines.next()).value).toMatchObject({ line: "first" });
  const waiting = lines.next();
  book.write("stderr", "second");
  expect((await waiting).value).toMatchObject({ stream: "stderr", line: "second" });
  for (let i = 0; i < 50; i++) book.write("stdout", "y".repeat(36));
  expect((await lines.next()).value).toMatchObject({
    stream: "bridge",
    line: "40 lines were forgotten before they were read",
  });
  stop.abort();
  expect((await texts(lines)).length).toBeLessThanOrEqual(10);
});
