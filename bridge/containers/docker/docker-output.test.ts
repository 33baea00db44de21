import { PassThrough } from "node:stream";
import { expect, test } from "@jest/globals";
import type Docker from "dockerode";
import { ManualClock } from "../../../tests/support/manual-clock.ts";
import type { LastSeen, OutputLine } from "../port/engine.ts";
import { DockerOutput } from "./docker-output.ts";

const at = (nanoseconds: number) => `2026-11-21T08:00:00.${String(nanoseconds).padStart(9, "0")}Z`;

function entry(stream: OutputLine["stream"], time: number, text: string): Buffer {
  const body = Buffer.from(`${at(time)} ${text}`);
  const header = Buffer.alloc(8);
  header[0] = stream === "stderr" ? 2 : 1;
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

/** Follows a log in these parts, one connection for each; all but the last are cut off in the middle. */
async function follow(connections: readonly (readonly Buffer[])[], after: LastSeen = {}): Promise<OutputLine[]> {
  const lines: OutputLine[] = [];
  const clock = new ManualClock();
  let connection = 0;
  const logs = async () => {
    const stream = new PassThrough();
    const isLast = connection === connections.length - 1;
    for (const part of connections[connection++] ?? []) stream.write(part);
    if (isLast) stream.end();
    else setImmediate(() => stream.destroy(new Error("the engine went away")));
    setImmediate(() => clock.advance(1_000));
    return stream;
  };
  const output = new DockerOutput({
    container: { logs } as unknown as Docker.Container,
    clock,
    after,
    onLine: (line: OutputLine) => lines.push(line),
    takenOverAtMs: Date.parse(at(500)),
    ended: Promise.resolve(),
    closed: new AbortController().signal,
  });
  await output.follow();
  return lines;
}

const texts = (lines: readonly OutputLine[]) => lines.map(({ stream, line }) => `${stream} ${line}`);

test("an entry that is already stored is skipped, by the time of its own stream", async () => {
  const log = [
    entry("stdout", 1, "a\n"),
    entry("stderr", 2, "b\n"),
    entry("stdout", 3, "c\n"),
    entry("stderr", 4, "d\n"),
  ];
  expect(texts(await follow([log], { stdout: at(1), stderr: at(2) }))).toEqual(["stdout c", "stderr d"]);
  expect(texts(await follow([log], { stdout: at(3) }))).toEqual(["stderr b", "stderr d"]);
});

test("a connection that is cut anywhere loses no line and repeats none", async () => {
  const log = [entry("stdout", 1, "a\n"), entry("stdout", 2, "b\n"), entry("stdout", 3, "c\n")];
  const bytes = Buffer.concat(log);
  for (const cut of [1, 20, 60, 90, bytes.length]) {
    const lines = await follow([[bytes.subarray(0, cut)], log]);
    expect(texts(lines)).toEqual(["stdout a", "stdout b", "stdout c"]);
  }
});

test("a long line that the engine stores in parts with one timestamp is one line, and the next line is whole", async () => {
  const log = [entry("stdout", 1, "x".repeat(16_384)), entry("stdout", 1, "yy\n"), entry("stdout", 2, "next\n")];
  const lines = await follow([log]);
  expect(lines.map(({ line, at: time }) => [line.length, time])).toEqual([
    [16_384, at(1)],
    [4, at(2)],
  ]);
});

test("characters that are split between two entries are whole", async () => {
  const [first, second] = [Buffer.from("é").subarray(0, 1), Buffer.from("é\n").subarray(1)];
  const [a, b] = [entry("stdout", 1, "?"), entry("stdout", 1, "??")];
  a.set(first, a.length - 1);
  b.set(second, b.length - 2);
  expect(texts(await follow([[a, b]]))).toEqual(["stdout é"]);
});
