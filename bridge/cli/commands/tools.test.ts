import { execFileSync } from "node:child_process";
import { describe, expect, test } from "@jest/globals";
import { parse } from "smol-toml";
import { runLine, type TestIo, testIo } from "../../../tests/support/cli-io.ts";
import { commands } from "./table/command-table.ts";

const cli = (line: string, io: TestIo = testIo({ socket: "/no.sock" })) => runLine(line, io);

describe("tools", () => {
  test("the bash completion is a valid script that completes commands, verbs, flags, their values and files", async () => {
    const { out } = await cli("completion bash");
    const complete = (...words: string[]) =>
      execFileSync(
        "bash",
        ["-c", `${out}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _armorclaw; echo "\${COMPREPLY[*]}"`, "x", ...words],
        {
          encoding: "utf8",
        },
      ).trim();
    expect(complete("armorclaw", "sta")).toBe("status start");
    expect(complete("armorclaw", "agent", "l")).toBe("list logs");
    expect(complete("armorclaw", "logs", "a", "--fo")).toBe("--follow");
    expect(complete("armorclaw", "agent", "stop", "--gr")).toBe("--grace-ms");
    expect(complete("armorclaw", "run", "--engine", "s")).toBe("sandbox");
    expect(complete("armorclaw", "run", "--config", "package.js")).toBe("package.json");
  });

  test.each(["zsh", "fish"])("the %s completion names every command", async (shell) => {
    const { code, out } = await cli(`completion ${shell}`);
    expect(code).toBe(0);
    for (const { name } of commands) expect(out).toContain(name.split(" ").at(-1));
  });

  test("`config show --origin` shows where each value comes from", async () => {
    const io = testIo({ socket: "/no.sock", env: { ARMORCLAW_ENGINE: "process" } });
    expect((await cli("config show --origin", io)).out).toContain('engine = "process"  # env ARMORCLAW_ENGINE');
    const parsed = JSON.parse((await cli("config show --origin --json")).out);
    expect(parsed.origins.engine).toBe("default");
    expect(JSON.parse((await cli("config schema")).out)).toHaveProperty("properties.engine");
    expect((await cli("config validate")).code).toBe(0);
  });

  test("`config show` with `--set` prints a configuration file with the same values", async () => {
    const set = [
      'matrix.users."@ann=x:example.org"=operator',
      "loops.system-monitor.idle.suspend_after_ms=1500",
      'alerts.to=[{"destination":"webhook","lane":"pager"}]',
      "webhooks.pager=http://127.0.0.1:9/?a=b",
    ].flatMap((pair) => ["--set", pair]);
    const show = async (...flags: string[]) =>
      (await runLine(["config", "show", ...set, ...flags], testIo({ socket: "/no.sock" }))).out;
    const config = JSON.parse(await show("--json"));
    expect(config).toMatchObject({
      matrix: { users: { "@ann=x:example.org": "operator" } },
      webhooks: { pager: "http://127.0.0.1:9/?a=b" },
    });
    // Empty tables are not compared.
    expect(config).toMatchObject(parse(await show("--origin")));
    const wrong = await runLine(["config", "show", "--set", "agents.max"], testIo({ socket: "/no.sock" }));
    expect([wrong.code, wrong.error]).toEqual([2, expect.stringContaining("--set takes KEY=VALUE, not agents.max")]);
  });

  test("`version` prints the program's version", async () => {
    expect(JSON.parse((await cli("version --json")).out)).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+/),
    });
    expect((await cli("--version")).out).toMatch(/^armorclaw \d/);
  });
});
