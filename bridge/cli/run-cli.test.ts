import { once } from "node:events";
import { errorCatalogue } from "@armorclaw/protocol/errors";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { runLine, type TestIo, testIo } from "../../tests/support/cli-io.ts";
import { LineServer } from "../../tests/support/wire/line-server.ts";
import { findCommand } from "./commands/find-command.ts";
import { loadRunner } from "./commands/load-runner.ts";
import { commands } from "./commands/table/command-table.ts";
import { exitCodes, exitOfErrorCode } from "./core/exit-codes.ts";
import type { Invocation } from "./core/invocation.ts";
import { WriteError } from "./core/io.ts";
import { runCli } from "./run-cli.ts";

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

  test("lists only commands that exist", async () => {
    // The process entry runs these itself: they are not clients of the bridge.
    const ofTheEntry = ["run", "backup verify", "backup restore"];
    for (const { name } of commands) {
      if (!ofTheEntry.includes(name))
        expect(await loadRunner(await findCommand(name.split(" ")))).toBeInstanceOf(Function);
    }
  });

  test("explains each command with its flags from the contract", async () => {
    for (const { name } of commands) expect((await cli(`${name} --help`)).out).toContain(`armorclaw ${name}`);
    const { out } = await cli("agent logs --help");
    expect(out).toMatch(/--tail N +\S.*Default: 100\./);
    expect((await cli("logs --help")).out).toContain("-f, --follow");
  });

  test.each([
    ["agnet list", "Unknown command agnet", "Did you mean agent?"],
    ["agent lst", "Unknown command agent lst", "Did you mean agent list?"],
    ["keystore add", "Unknown command keystore add", "Did you mean keystore store?"],
    ["queue rm", "Unknown command queue rm", "Did you mean queue drop?"],
    [
      "exec heartbeat-1 sh",
      "Unknown command exec",
      "Agents have no shell; `armorclaw logs AGENT` shows what one wrote",
    ],
    ["stats", "Unknown command stats", "`armorclaw usage` shows what agents use, `armorclaw top` shows it live"],
    ["config", "config needs a verb", "It is one of: show, validate, schema, attach, list, get, propose"],
    ["ps --al", "Unknown flag --al", "Did you mean --all?"],
    ["--jsn", "Unknown flag --jsn", "Did you mean --json?"],
    ["ps extra", "Unexpected argument extra", "`armorclaw ps --help` lists the arguments"],
    ["start", "LOOP is missing", "Write `armorclaw start LOOP`"],
    ["stop", "AGENT is missing", "Write `armorclaw stop AGENT`"],
    ["stop --grace-ms 5", "Give either agent_id or container_id", "`armorclaw agent stop --help` explains each flag"],
    ["keystore store --token @-", "PROVIDER is missing", "Write `armorclaw keystore store PROVIDER`"],
  ])("`armorclaw %s` is a usage error that shows what to type", async (line, message, remedy) => {
    const { code, out, error } = await cli(line);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(error).toBe(`armorclaw: USAGE: ${message}\n  next: ${remedy}\n`);
  });

  test.each(["agent --help", "help agent", "agent -h"])("`armorclaw %s` lists the group's commands", async (line) => {
    const { code, out, error } = await cli(line);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(out).toMatch(/^agent list +List the agents$/m);
    expect(out).toMatch(/^agent remove-workspace +\S/m);
  });

  test.each(["--version", "-v"])("`armorclaw %s` prints the version", async (line) => {
    expect((await cli(line)).out).toMatch(/^armorclaw \d/);
  });
});

describe("a command of the process entry", () => {
  const seen: Invocation[] = [];
  const entry = { run: async () => async (invocation: Invocation) => seen.push(invocation) - seen.length };

  test("has the grammar of all commands: flags before and after its name, equals signs, short flags, repetition", async () => {
    const line = "--json run --engine=process -q --set a.b=1 --set c=2 --timeout 60";
    expect(await runCli(line.split(" "), io(), entry)).toBe(0);
    expect(seen[0]?.values).toEqual({ engine: "process", set: ["a.b=1", "c=2"] });
    expect(seen[0]?.out.isJson).toBe(true);
  });

  test.each([
    ["run --enginee process", "Unknown flag --enginee", "Did you mean --engine?"],
    ["run --engine dockr", "--engine cannot be dockr", "It is one of auto, docker, sandbox, process"],
    ["run --set", "--set needs a value", "Write --set KEY=VALUE"],
    ["run now", "Unexpected argument now", "`armorclaw run --help` lists the arguments"],
    ["run --socket s", "armorclaw run connects to no bridge", "Leave out --socket; --help lists the flags"],
  ])("`armorclaw %s` is the same usage error", async (line, message, remedy) => {
    const to = io();
    expect(await runCli(line.split(" "), to, entry)).toBe(2);
    expect(to.errorText()).toBe(`armorclaw: USAGE: ${message}\n  next: ${remedy}\n`);
  });

  test("is stopped by --timeout, and not by a signal that it handles itself", async () => {
    const to = io();
    const waits = async () => async (invocation: Invocation) => {
      to.interrupt();
      expect(invocation.signal.aborted).toBe(false);
      await once(invocation.signal, "abort");
      return 0;
    };
    expect(await runCli(["run", "--timeout", "0.05"], to, { run: waits })).toBe(9);
    expect(to.errorText()).toContain("TIMED_OUT: armorclaw run took longer than 0.05 s");
  });
});

describe("a method's command", () => {
  test("sends the flags' params and prints one JSON object", async () => {
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

  test("`rpc call` sends JSON from the command line or stdin unchanged", async () => {
    server.handler = ({ params }) => ({ echoed: params });
    expect((await cli(["rpc", "call", "x.y", '{"a":1}', "--json"])).out).toBe('{"echoed":{"a":1}}\n');
    expect((await cli("rpc call x.y @-", io({ stdin: '{"b":[2]}' }))).out).toBe(
      '{\n  "echoed": {\n    "b": [\n      2\n    ]\n  }\n}\n',
    );
    expect((await cli(["rpc", "call", "x.y", "{"])).code).toBe(2);
  });

  test("accepts a time as a duration before now", async () => {
    server.handler = () => ({ lines: 0 });
    await cli("logs a --since 90s -n 5");
    expect(server.received[0]?.params).toEqual({ agent_id: "a", since: "2026-11-21T07:59:30.000Z", tail: 5 });
  });

  test("`health` ends with 12 when something is unhealthy", async () => {
    server.handler = () => ({ status: "degraded", checks: [] });
    expect((await cli("health")).code).toBe(12);
    server.handler = () => ({ status: "ok", checks: [] });
    expect((await cli("health")).code).toBe(0);
  });

  test("a stream prints a line for each item", async () => {
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

describe("the commands for budgets", () => {
  test("set needs a bound, unset removes a limit, and each prints what changed", async () => {
    server.handler = () => ({ ok: true });
    const noBound = await cli("budget set global --per day");
    expect([noBound.code, noBound.error]).toEqual([2, expect.stringContaining("--hard or --soft is missing")]);
    expect((await cli("budget set agent:* --per day --hard 1.5")).out).toBe("agent:* per day: hard limit $1.5\n");
    expect((await cli("budget unset agent:*")).out).toBe("The limit of agent:* per day was removed\n");
    expect((await cli("budget topup global --amount 2 --reason R --unit calls")).out).toContain("2 calls added");
    expect(server.received.map(({ params }) => params)).toEqual([
      { scope: "agent:*", window: "day", unit: "cost_nano_usd", hard: 1_500_000_000 },
      { scope: "agent:*", window: "day", unit: "cost_nano_usd", remove: true },
      { scope: "global", window: "day", unit: "calls", amount: 2, reason: "R" },
    ]);
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

  test("a reader that closes the pipe ends the command without an error", async () => {
    server.handler = () => ({ agents: [] });
    const write = () => {
      throw Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
    };
    expect(await cli("ps", io({ write }))).toEqual({ code: 0, out: "", error: "" });
  });

  test("output that cannot be written ends with 1 and an error", async () => {
    const to = io();
    const full = new WriteError(new Error("ENOSPC: no space left on device, write"));
    const stdout = { ...to.stdout, flushed: () => Promise.reject(full) };
    expect(await runCli(["version"], { ...to, stdout })).toBe(1);
    expect(to.errorText()).toContain("OUTPUT_FAILED: The output could not be written: ENOSPC");
  });

  test("a wrong configuration ends with 10", async () => {
    const { code, error } = await cli("config validate --config /no/such.toml");
    expect(code).toBe(10);
    expect(error).toContain("CONFIG_INVALID");
  });
});
