import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { insideAgent } from "../support/engines/inside-agent.ts";
import { until } from "../support/until.ts";
import { bestP99, boundMs, p99Of } from "../support/wire/bystander.ts";
import { WireClient } from "../support/wire/wire-client.ts";

/** What an agent sends again and again, as an expression of its program: the params of a call, or with a newline whole lines. */
const attacks: Readonly<Record<string, string>> = {
  "zeros inside one number": `"[1" + "0".repeat(15e6) + "1]"`,
  "numbers that no double holds": `"[" + "12345678901234567,".repeat(900000) + "1]"`,
  "as many objects as a line may hold": `"[" + '{"a":1},'.repeat(240000) + "1]"`,
  "names that are all new": `"[" + Array.from({ length: 120000 }, (_, i) => '{"k' + i + '":1}').join(",") + "]"`,
  "lines that are no requests": `"nonsense\\n".repeat(5000)`,
};

const program = (params: string) => `
  const params = ${params};
  const line = params.includes("\\n") ? params : '{"jsonrpc":"2.0","id":1,"method":"rpc.ping","params":' + params + "}\\n";
  const open = () => {
    const socket = require("net").connect("/run/bridge/agent.sock");
    const write = () => { while (socket.writable && socket.write(line)); if (socket.writable) socket.once("drain", write); };
    socket.on("error", () => undefined).on("data", () => undefined).on("close", () => setTimeout(open, 10)).on("connect", write);
  };
  open();
`;

describeOnEngines(
  "an agent that sends the worst lines that it may, as fast as it can",
  (engine, engineEnv) => {
    let bridge: TestDaemon;
    let bystander: WireClient;
    let pid = 0;
    beforeAll(async () => {
      bridge = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
      bystander = await WireClient.open(bridge.socket);
      pid = await until(
        "the agent runs",
        async () => {
          const [agent] = (await bridge.client.agent.list()).agents;
          return agent?.state === "running" ? (agent.pid ?? undefined) : undefined;
        },
        60_000,
      );
    }, 90_000);
    afterAll(async () => {
      await bystander[Symbol.asyncDispose]();
      await bridge[Symbol.asyncDispose]();
    });

    const begin = (params: string) => {
      const { command, args } = insideAgent(pid, ["/bin/node", "-e", program(params)]);
      const child = spawn(command, args, { stdio: "ignore" });
      return { [Symbol.dispose]: () => void child.kill("SIGKILL") };
    };
    const residentBytes = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${bridge.pid}/status`, "utf8"))?.[1]) * 1024;

    test.each(Object.entries(attacks))(
      "leaves others' calls within twice their p99: %s",
      async (name, params) => {
        const calls = () => p99Of(bystander, "rpc.ping");
        const quiet = await bestP99(calls);
        const before = residentBytes();
        using _ = begin(params);
        const attacked = await bestP99(calls, boundMs(quiet));
        process.stderr.write(`lines: ${name} (${engine}): p99 ${quiet.toFixed(2)} → ${attacked.toFixed(2)} ms\n`);
        expect(attacked).toBeLessThan(boundMs(quiet));
        // Four frames that are read, and what becomes of one.
        expect(residentBytes() - before).toBeLessThan(160 * 1024 * 1024);
      },
      60_000,
    );

    test("is frozen and killed by a panic meanwhile, and the bridge stops in order", async () => {
      using _ = begin(attacks["as many objects as a line may hold"] ?? "");
      for (let calls = 0; calls < 100; calls++) await bystander.call("rpc.ping");
      expect((await bystander.call("bridge.panic", { reason: "hostile lines" })).result).toMatchObject({ agents: 1 });
      expect((await bridge.end("SIGTERM")).code).toBe(0);
    }, 60_000);
  },
  ["sandbox"],
);
