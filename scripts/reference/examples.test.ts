import { execFileSync } from "node:child_process";
import { type MethodName, methods } from "@armorclaw/protocol";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { methodFlags, methodNames } from "../../bridge/cli/core/method-flags.ts";
import { runLine, testIo } from "../../tests/support/cli-io.ts";
import { LineServer } from "../../tests/support/wire/line-server.ts";
import { exampleLine } from "./contract-pages.ts";

/** Splits a command line into words like a shell. */
const shellWords = (line: string): string[] =>
  execFileSync("sh", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" })
    .split("\0")
    .slice(0, -1);

describe("the examples of the reference", () => {
  let server: LineServer;
  beforeEach(async () => {
    server = await LineServer.open();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  test.each(methodNames)("%s: the command line sends the example's params", async (name: MethodName) => {
    const { params, result } = methods[name].example;
    server.handler = () => result;
    const secret = methodFlags(name).flags.find((flag) => flag.secret === true)?.key ?? "";
    const stdin = String((params as Record<string, unknown>)[secret] ?? "");
    const [program, ...words] = shellWords(exampleLine(name, params));
    expect(program).toBe("armorclaw");
    const { error } = await runLine(words, testIo({ socket: server.path, stdin }));
    expect({ error, method: server.received.at(-1)?.method, params: server.received.at(-1)?.params }).toMatchObject({
      method: name,
      params,
    });
  });
});
