import { errorCatalogue } from "@armorclaw/protocol/errors";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { runLine, type TestIo, testIo } from "../../tests/support/cli-io.ts";
import { LineServer } from "../../tests/support/wire/line-server.ts";
import { commands } from "./commands/command-table.ts";
import { findCommand } from "./commands/find-command.ts";
import { loadRunner } from "./commands/load-runner.ts";
import { exitCodes, exitOfErrorCode } from "./core/exit-codes.ts";

let server: LineServer;
beforeEach(async () => {
  server = await LineServer.open();
});
afterEach(() => server[Symbol.asyncDispose]());
const io = (options: { stdin?: string; env?: Record<string, string>; write?: (text: string) => void } = {}) =>
  testIo({ socket: server.path, ...options });
const cli = (line: string | string[], to: TestIo = io()) => runLine(line, to);

describe("help", () => {
  test.each(["", "help", "--help", "-h"])("`armorclaw %s` lists every short verb", async (line) => {
    const { code, out, error } = await cli(line);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    for (const { name, summary } of commands)
      expect(out).toMatch(new RegExp(`^  ${name}\\b.*${summary.slice(0, 8)}`, "m"));
  });

  test("lists only commands that can be run", async () => {
    // The process's entry answers these itself: they are no clients of the bridge.
    const ofTheEntry = ["run", "backup verify", "backup restore"];
    for (const { name } of commands) {
      if (!ofTheEntry.includes(name))
        expect(await loadRunner(await findCommand(name.split(" ")))).toBeInstanceOf(Function);
    }
  });

  test("explains each command with its flags from the contract", async () => {
    for (const { name } of commands) expect((await cli(`${name} --help`)).out).toContain(`armorclaw ${name}`);
    const { out } = await cli("agent logs --help");
    expect(out).toMatch(/--tail N +How many past lines to begin with\. Default: 100\./);
    expect((await cli("logs --help")).out).toContain("-f, --follow");
  });

  test.each([
    ["agnet list", "Unknown command agnet", "Did you mean agent?"],
    ["agent lst", "Unknown command agent lst", "Did you mean agent list?"],
    ["config", "config needs a verb", "It is one of: show, validate, schema, attach, list, get, propose"],
    ["ps --al", "Unknown flag --al", "Did you mean --all?"],
    ["--jsn", "Unknown flag --jsn", "Did you mean --json?"],
    ["ps extra", "Unexpected argument extra", "`armorclaw ps --help` shows what it takes"],
    ["start", "--agent-type is missing", "Add --help to see the flags"],
    ["stop", "Give either agent_id or container_id", "`armorclaw agent stop --help` explains each flag"],
  ])("`armorclaw %s` is a usage error that says what to type", async (line, message, remedy) => {
    const { code, out, error } = await cli(line);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(error).toBe(`armorclaw: USAGE: ${message}\n  next: ${remedy}\n`);
  });
});

describe("a method's command", () => {
  test("sends what the flags say and prints one JSON object", async () => {
    server.handler = () => ({ agents: [] });
    expect(await cli("ps --json")).toEqual({ code: 0, out: '{"agents":[]}\n', error: "" });
    await cli("ps --all");
    await cli("agent list");
    await cli("stop heartbeat-1 --grace-ms 7");
    await cli(["event", "publish", "--channel", "a.b", "--type", "x.y", "--data", "@-"], io({ stdin: '{"n":1}' }));
    expect(server.received.map(({ method, params }) => [method, params])).toEqual([
      ["agent.list", { all: false }],
      ["agent.list", { all: true }],
      ["agent.list", {}],
      ["agent.stop", { agent_id: "heartbeat-1", grace_ms: 7 }],
      ["event.publish", { channel: "a.b", type: "x.y", data: { n: 1 } }],
    ]);
  });

  test("`rpc call` sends JSON from the command line or stdin as it is", async () => {
    server.handler = ({ params }) => ({ echoed: params });
    expect((await cli(["rpc", "call", "x.y", '{"a":1}', "--json"])).out).toBe('{"echoed":{"a":1}}\n');
    expect((await cli("rpc call x.y @-", io({ stdin: '{"b":[2]}' }))).out).toBe("echoed:\n  b: 2\n");
    expect((await cli(["rpc", "call", "x.y", "{"])).code).toBe(2);
  });

  test("`health` ends with 12 when not all is well", async () => {
    server.handler = () => ({ status: "degraded", checks: [] });
    expect((await cli("health")).code).toBe(12);
    server.handler = () => ({ status: "ok", checks: [] });
    expect((await cli("health")).code).toBe(0);
  });

  test("streams print a line for each item", async () => {
    server.handler = ({ id, method }, reply) => {
      if (method !== "agent.logs") return undefined;
      for (const line of ["one", "\u001b[2Jtwo"]) {
        reply({
          method: "rpc.stream",
          params: { id, seq: 0, item: { time: "2026-11-21T08:00:00.000Z", stream: "stdout", line } },
        });
      }
      return { lines: 2 };
    };
    const { code, out } = await cli("logs a --tail 2");
    expect(code).toBe(0);
    expect(out).toMatch(/^\S+ stdout one\n\S+ stdout \\x1b\[2Jtwo\n$/);
    expect(
      (await cli("logs a --json")).out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).line),
    ).toEqual(["one", "\u001b[2Jtwo"]);
  });
});

describe("errors", () => {
  test.each(Object.entries(errorCatalogue))(
    "%s ends with its exit code, cause, remedy and correlation id",
    async (code, row) => {
      const data = { code, retryable: row.retryable, remedy: row.remedy, correlation_id: "c-1" };
      server.handler = ({ id }, reply) => reply({ id, error: { code: row.rpcCode, message: "It is so", data } });
      const human = await cli("status");
      const exit = exitCodes[exitOfErrorCode[code as keyof typeof errorCatalogue]];
      expect(human.code).toBe(exit);
      expect(human.out).toBe("");
      expect(human.error).toBe(`armorclaw: ${code}: It is so\n  next: ${row.remedy}\n  correlation id: c-1\n`);
      const { error } = await cli("status --json");
      expect(JSON.parse(error)).toEqual({
        error: { code, message: "It is so", remedy: row.remedy, exit_code: exit, correlation_id: "c-1" },
      });
    },
  );

  test("without a bridge, and when the bridge hangs up, the exit code is 5", async () => {
    const path = server.path;
    server.handler = () => server.drop();
    expect((await cli("status")).code).toBe(5);
    await server.stop();
    const { code, error } = await cli("status");
    expect(code).toBe(5);
    expect(error).toContain(
      `NOT_CONNECTED: No bridge listens at ${path}\n  next: Start the bridge with \`armorclaw run\``,
    );
  });

  test("--timeout bounds the whole call and ends with 9", async () => {
    server.handler = () => undefined;
    const { code, error } = await cli("status --timeout 0.1");
    expect(code).toBe(9);
    expect(error).toContain("TIMED_OUT: armorclaw status took longer than 0.1 s");
    expect((await cli("events --follow --timeout 0.1")).code).toBe(9);
  });

  test("a reader that went away ends the command quietly", async () => {
    server.handler = () => ({ agents: [] });
    const write = () => {
      throw Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
    };
    expect(await cli("ps", io({ write }))).toEqual({ code: 0, out: "", error: "" });
  });

  test("a wrong configuration ends with 10", async () => {
    const { code, error } = await cli("config validate --config /no/such.toml");
    expect(code).toBe(10);
    expect(error).toContain("CONFIG_INVALID");
  });
});
