import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { silentLogger } from "../../logging/index.ts";
import { systemClock } from "../../platform/clock.ts";
import { AgentLog } from "./agent-log.ts";
import { LogFile } from "./log-file.ts";
import { Quota } from "./quota.ts";

const open = (bytesMax: number) =>
  new AgentLog({ clock: systemClock, bytesMax, quota: new Quota(systemClock, { perSecond: 1e6, burst: 1e6 }) });
const never = () => new AbortController().signal;
const texts = async (lines: AsyncIterable<{ line: string }>) => (await Array.fromAsync(lines)).map(({ line }) => line);

test("AgentLog.read() returns the last lines", async () => {
  const book = open(10_000);
  for (let i = 1; i <= 5; i++) book.writeOutput({ stream: "stdout", line: `line ${i}` });
  expect(await texts(book.read({ tail: 2, follow: false }, never()))).toEqual(["line 4", "line 5"]);
});

test("AgentLog drops the oldest lines at its bound", async () => {
  const book = open(1_000);
  for (let i = 0; i < 100; i++) book.writeOutput({ stream: "stdout", line: "x".repeat(36) });
  expect(await texts(book.read({ tail: 1_000, follow: false }, never()))).toHaveLength(10);
});

test("AgentLog.read() follows until its signal, and reports to a slow reader how many lines it missed", async () => {
  const book = open(1_000);
  book.writeOutput({ stream: "stdout", line: "first" });
  const stop = new AbortController();
  const lines = book.read({ tail: 10, follow: true }, stop.signal);
  expect((await lines.next()).value).toMatchObject({ line: "first" });
  const waiting = lines.next();
  book.writeOutput({ stream: "stderr", line: "second" });
  expect((await waiting).value).toMatchObject({ stream: "stderr", line: "second" });
  for (let i = 0; i < 50; i++) book.writeOutput({ stream: "stdout", line: "y".repeat(36) });
  expect((await lines.next()).value).toMatchObject({
    stream: "bridge",
    line: "40 lines were dropped before they were read",
  });
  stop.abort();
  expect((await texts(lines)).length).toBeLessThanOrEqual(10);
});

test("a later AgentLog resumes the engine's log where it was kept, also after a line that was cut off", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "a.ndjson");
  const file = () => new LogFile(path, 2_000, systemClock, silentLogger);
  const quota = new Quota(systemClock, { perSecond: 1e6, burst: 1e6 });
  const book = () => new AgentLog({ clock: systemClock, bytesMax: 1_000, quota, file: file() });
  const at = (second: number) => `2026-11-21T08:00:${String(second).padStart(2, "0")}.123456789Z`;
  const first = book();
  first.writeOutput({ stream: "stdout", line: "one", at: at(1) });
  first.close();
  expect(book().lastSeen()).toEqual({ stdout: at(1), stderr: undefined });
  appendFileSync(path, '{"time":"2026-');
  const second = book();
  second.writeOutput({ stream: "stdout", line: "two", at: at(2) });
  second.writeOutput({ stream: "stderr", line: "three", at: at(3) });
  second.close();
  expect(book().lastSeen()).toEqual({ stdout: at(2), stderr: at(3) });
  const written = await Array.fromAsync(book().read({ tail: 100, follow: false }, never()));
  expect(written[1]).toEqual({ time: "2026-11-21T08:00:02.123Z", stream: "stdout", line: "two" });
  const third = book();
  for (let i = 0; i < 30; i++) {
    third.writeOutput({ stream: "stdout", line: "x".repeat(50), at: at(4 + i) });
    third.close();
  }
  // The error stream's only line was rotated away, and must not be read back again.
  expect(book().lastSeen().stderr).toMatch(/^2026-11-21T08:00:[12]/);
});

test("output that was written while no bridge ran does not count towards the quota", async () => {
  const quota = new Quota(systemClock, { perSecond: 1, burst: 100 });
  const book = new AgentLog({ clock: systemClock, bytesMax: 10_000, quota });
  for (let i = 0; i < 5; i++) book.writeOutput({ stream: "stdout", line: `missed ${i}`, wasMissed: true });
  for (let i = 0; i < 5; i++) book.writeOutput({ stream: "stdout", line: `live ${i}` });
  expect(await texts(book.read({ tail: 100, follow: false }, never()))).toEqual([
    ...[0, 1, 2, 3, 4].map((i) => `missed ${i}`),
    "live 0",
  ]);
});

test("AgentLog stores no line of a private key that an agent prints, even when the quota drops the key's first line", async () => {
  const key = ["-----BEGIN RSA PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "-----END RSA PRIVATE KEY-----"];
  const log = open(10_000);
  for (const line of [...key, "after"]) log.writeOutput({ stream: "stdout", line });
  expect(await texts(log.read({ tail: 10, follow: false }, never()))).toEqual([
    "[redacted]",
    "[redacted]",
    "[redacted]",
    "after",
  ]);
  const short = new AgentLog({
    clock: systemClock,
    bytesMax: 10_000,
    quota: new Quota(systemClock, { perSecond: 1, burst: 1 }),
  });
  short.writeOutput({ stream: "stderr", line: key[0] ?? "" });
  for (const line of key.slice(1)) short.writeOutput({ stream: "stderr", line, wasMissed: true });
  expect((await texts(short.read({ tail: 10, follow: false }, never()))).join()).not.toContain("MIIE");
});
