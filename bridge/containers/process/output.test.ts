import { PassThrough } from "node:stream";
import { expect, test } from "@jest/globals";
import type { OutputLine } from "../port/engine.ts";
import { AgentOutput } from "./output.ts";

function reading() {
  const output = new AgentOutput();
  const source = new PassThrough();
  output.read(source, "stdout");
  return { output, source };
}

const flushed = () => new Promise((resolve) => setImmediate(resolve));

test("lines that were written before a listener was added are kept for it, up to a bound", async () => {
  const { output, source } = reading();
  source.write("x\n".repeat(10_000));
  await flushed();
  const lines: OutputLine[] = [];
  output.listen((line) => lines.push(line));
  expect(lines.length).toBe(256);
  source.end("last");
  await flushed();
  expect(lines.at(-1)).toEqual({ stream: "stdout", line: "last" });
});

test("a line without an end is cut once and uses no more memory", async () => {
  const { output, source } = reading();
  const lines: OutputLine[] = [];
  output.listen((line) => lines.push(line));
  for (let i = 0; i < 20; i++) source.write("y".repeat(10_000));
  source.end("\nnext\n");
  await flushed();
  expect(lines.map(({ line }) => line.length)).toEqual([16_384, 4]);
});
