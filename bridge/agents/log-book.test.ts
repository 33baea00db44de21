import { expect, test } from "@jest/globals";
import { systemClock } from "../platform/clock.ts";
import { LogBook } from "./log-book.ts";
import { Quota } from "./quota.ts";

const open = (bytesMax: number) =>
  new LogBook({ clock: systemClock, bytesMax, quota: new Quota(systemClock, { perSecond: 1e6, burst: 1e6 }) });
const never = () => new AbortController().signal;
const texts = async (lines: AsyncIterable<{ line: string }>) => (await Array.fromAsync(lines)).map(({ line }) => line);

test("LogBook.read() gives the last lines", async () => {
  const book = open(10_000);
  for (let i = 1; i <= 5; i++) book.write("stdout", `line ${i}`);
  expect(await texts(book.read({ tail: 2, follow: false }, never()))).toEqual(["line 4", "line 5"]);
});

test("LogBook keeps to its bound and forgets the oldest lines", async () => {
  const book = open(1_000);
  for (let i = 0; i < 100; i++) book.write("stdout", "x".repeat(36));
  expect(await texts(book.read({ tail: 1_000, follow: false }, never()))).toHaveLength(10);
});

test("LogBook.read() follows until its signal, and tells a slow reader what it missed", async () => {
  const book = open(1_000);
  book.write("stdout", "first");
  const stop = new AbortController();
  const lines = book.read({ tail: 10, follow: true }, stop.signal);
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
