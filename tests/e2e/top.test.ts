import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { canaryKey } from "../support/budget/broker.ts";
import { type StandInProvider, startStandInProvider } from "../support/budget/stand-in-provider.ts";
import { nodeBinary, program, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const hasScript = spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux") === true;
const rows = 14;

/** Runs `armorclaw top` in a terminal of script(1). */
function atTerminal(daemon: TestDaemon) {
  const top = `sh -c 'echo pid $$; exec "${nodeBinary}" "${program}" top'`;
  const settings = "stty -g | sed 's/^/settings /'";
  const line = `stty rows ${rows} cols 100; ${settings}; ${top}; echo "exit $?"; ${settings}`;
  const child = spawn("script", ["-qfc", line, "/dev/null"], {
    env: { PATH: process.env["PATH"], TERM: "xterm", ARMORCLAW_SOCKET: daemon.socket },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const frames = () => output.split("\u001b[H").slice(1);
  const screen = () => stripVTControlCharacters(frames().at(-1) ?? "");
  return {
    frames: () => frames().length,
    screen,
    shows: (text: RegExp) => until(`${text} on the screen`, () => text.test(screen()), 20_000),
    press: (keys: string) => child.stdin.write(keys),
    tell: (signal: NodeJS.Signals) => process.kill(Number(/pid (\d+)/.exec(output)?.[1]), signal),
    /** Returns the terminal's settings before and after the command. */
    async ended() {
      const settings = () => output.match(/settings \S+(?=\r\n)/g) ?? [];
      await until("its end", () => settings().length === 2, 20_000);
      child.stdin.end();
      await closed;
      const [before, after] = settings();
      const last = output.slice(output.lastIndexOf("\u001b[H"));
      return { code: /exit (\d+)/.exec(last)?.[1], before, after, last };
    },
  };
}

describeIf(hasScript, "it needs script of util-linux", "armorclaw top", () => {
  describeOnEngines(
    "at a terminal",
    (engine) => {
      let provider: StandInProvider;
      let directory: ReturnType<typeof tempDirectory>;
      let daemon: TestDaemon;
      beforeAll(async () => {
        provider = await startStandInProvider();
        directory = tempDirectory();
        const config = join(directory.path, "armorclaw.toml");
        writeFileSync(
          config,
          `[llm.providers.oai]
kind = "openai"
base_url = "${provider.baseUrl}/v1"
secret = "the-key"
models = ["m"]
[budget.prices."oai/m"]
input = 3
output = 15
`,
        );
        daemon = await startTestDaemon({ engine, flags: ["--config", config], start: ["heartbeat"] });
      });
      afterAll(async () => {
        await daemon[Symbol.asyncDispose]();
        await provider[Symbol.asyncDispose]();
        directory[Symbol.dispose]();
      });

      test("draws the agents' use and the budget's forecast, follows changes, and acts on keys", async () => {
        await daemon.client.keystore.store({ provider: "custom", id: "the-key", token: canaryKey });
        const terminal = atTerminal(daemon);
        await terminal.shows(/>heartbeat-1 +running +\d+\.\d % +\d/);
        const drawn = terminal.frames();
        await spendMostOfAll(daemon);
        await daemon.client.agent.start({ agent_type: "heartbeat" });
        await terminal.shows(/heartbeat-2 +running/);
        await terminal.shows(/Budget \$\S+ an hour; global per all: \$\S+ of \$\S+, runs out in \d/);
        expect(terminal.frames()).toBeGreaterThan(drawn);
        // Both keys are sent at once, as a fast typist sends them.
        terminal.press("nl");
        await terminal.shows(/stdout pulse \d+/);
        terminal.press("\u001b[A\u001b[Bp");
        await terminal.shows(/heartbeat-2 is paused/);
        await terminal.shows(/>heartbeat-2 +paused/);
        expect(terminal.screen().split("\n").length).toBeLessThanOrEqual(rows);
        terminal.press("q");
        expect(await terminal.ended()).toMatchObject({ code: "0" });
      }, 60_000);

      test.each([
        ["q", "0", (terminal: ReturnType<typeof atTerminal>) => terminal.press("q")],
        ["Ctrl-C", "0", (terminal: ReturnType<typeof atTerminal>) => terminal.press("\u0003")],
        ["SIGTERM", "130", (terminal: ReturnType<typeof atTerminal>) => terminal.tell("SIGTERM")],
      ])(
        "restores the terminal on %s",
        async (_, code, leave) => {
          const terminal = atTerminal(daemon);
          await terminal.shows(/heartbeat-1 +running/);
          leave(terminal);
          const { before, after, last, ...ended } = await terminal.ended();
          expect(ended.code).toBe(code);
          expect(before).toBeDefined();
          expect(after).toBe(before);
          // Lines wrap again, the cursor is visible, and the earlier screen is back.
          expect(last).toContain("\u001b[?7h\u001b[?25h\u001b[?1049l");
        },
        40_000,
      );
    },
    ["sandbox"],
  );
});

/** Makes one call, and sets a limit slightly above its cost. */
async function spendMostOfAll({ client }: TestDaemon): Promise<void> {
  const messages = [{ role: "user" as const, content: "Hello" }];
  const stream = client.stream("llm.chat", { model: "oai/m", messages, max_output_tokens: 50 });
  for await (const _ of stream);
  await stream.result;
  const spent = (await client.budget.report({ by: ["model"] })).rows[0]?.cost_nano_usd ?? 0;
  expect(spent).toBeGreaterThan(0);
  await client.budget.set({ scope: "global", window: "all", hard: Math.ceil(spent * 1.5) });
}
