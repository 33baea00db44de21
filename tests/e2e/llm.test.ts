import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { build } from "esbuild";
import { canaryKey, inputNano, outputNano } from "../support/budget/broker.ts";
import { type StandInProvider, startStandInProvider } from "../support/budget/stand-in-provider.ts";
import { repositoryRoot, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { insideAgent } from "../support/engines/inside-agent.ts";
import { runIn } from "../support/machine/run-in.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

let provider: StandInProvider;
let directory: ReturnType<typeof tempDirectory>;
beforeEach(async () => {
  provider = await startStandInProvider();
  directory = tempDirectory();
});
afterEach(async () => {
  await provider[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

function configFile(more = ""): string {
  const path = join(directory.path, "armorclaw.toml");
  const shared = 'secret = "the-key"\nmodels = ["m"]';
  writeFileSync(
    path,
    `${more}
[llm.providers.oai]
kind = "openai"
base_url = "${provider.baseUrl}/v1"
${shared}
[llm.providers.ant]
kind = "anthropic"
base_url = "${provider.baseUrl}"
${shared}
[loops.heartbeat.limits]
memory_bytes = 536870912
pids = 256
[llm.policies.heartbeat]
models = ["*"]
output_tokens_default = 64
[budget.prices."oai/m"]
input = 3
output = 15
[budget.prices."ant/m"]
input = 3
output = 15
`,
  );
  return path;
}

async function start(
  engine: "process" | "sandbox" | "docker",
  options: { env?: Record<string, string>; start?: string[]; config?: string } = {},
) {
  const daemon = await startTestDaemon({
    engine,
    flags: ["--config", configFile(options.config)],
    start: options.start ?? [],
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  await daemon.client.keystore.store({ provider: "custom", id: "the-key", token: canaryKey });
  return daemon;
}

const chat = async ({ client }: TestDaemon, more: object = {}) => {
  const stream = client.stream("llm.chat", {
    model: "oai/m",
    messages: [{ role: "user", content: "Hello" }],
    max_output_tokens: 50,
    ...more,
  });
  const pieces: string[] = [];
  for await (const { text } of stream) pieces.push(text);
  return { pieces, ...(await stream.result) };
};

describe("llm.chat through the real bridge", () => {
  test("streams, settles to the provider's figures, and shows them in status, report and the command line", async () => {
    await using daemon = await start("process");
    const answer = await chat(daemon);
    const [entry] = provider.books;
    const cost = (entry?.inputTokens ?? 0) * inputNano + (entry?.outputTokens ?? 0) * outputNano;
    expect(answer).toMatchObject({
      model: "oai/m",
      text: "word ".repeat(8),
      finish_reason: "stop",
      cost_nano_usd: cost,
    });
    expect(answer.pieces.join("")).toBe(answer.text);
    expect(provider.requests[0]?.headers.authorization).toBe(`Bearer ${canaryKey}`);

    const { limits } = await daemon.client.budget.status({});
    expect(limits.find(({ window }) => window === "day")).toMatchObject({
      scope: "global",
      spent: cost,
      held: 0,
      burn_per_hour: cost,
    });
    expect((await daemon.cli(["budget", "show"])).stdout).toContain("global per day");
    const csv = await daemon.cli(["budget", "report", "--by", "model,day", "--csv"]);
    expect(csv.stdout.split("\n")[0]).toBe("model,day,cost_usd,calls,input_tokens,output_tokens,bounded_calls");
    expect(csv.stdout).toMatch(/^oai\/m,\d{4}-\d\d-\d\d,0\.000\d+,1,\d+,8,0$/m);
    const json = await daemon.cli(["budget", "report", "--by", "agent,model,day", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ rows: [{ cost_nano_usd: cost }] });
  }, 60_000);

  test("refuses past the limit, publishes one event, and accepts calls again after a top-up", async () => {
    await using daemon = await start("process");
    expect((await daemon.cli(["budget", "set", "global", "--per", "hour", "--hard", "0.0001"])).code).toBe(0);
    await expect(chat(daemon)).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    await expect(chat(daemon)).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    expect(provider.requests).toHaveLength(0);
    const topup = await daemon.cli([
      "budget",
      "topup",
      "global",
      "--per",
      "hour",
      "--amount",
      "1",
      "--reason",
      "a test",
    ]);
    expect(topup.code).toBe(0);
    await chat(daemon);
    const history = await daemon.client.event.history({ channels: ["budget.>"] });
    expect(history.events.map(({ type }) => type)).toEqual([
      "budget.limit_changed",
      "budget.exhausted",
      "budget.topped_up",
    ]);
  }, 60_000);

  test("a cancelled call ends at the provider, too", async () => {
    await using daemon = await start("process");
    provider.next({ tokens: 50, tokenDelayMs: 50 });
    for await (const _ of daemon.client.stream("llm.chat", {
      model: "oai/m",
      messages: [{ role: "user", content: "Hi" }],
      max_output_tokens: 50,
    }))
      break;
    const after = await until("the reservation to end", async () => {
      const { rows } = await daemon.client.budget.report({ by: [] });
      return rows[0]?.held_nano_usd === 0 && rows[0].bounded === 1
        ? (provider.books[0]?.outputTokens ?? 99)
        : undefined;
    });
    expect(after).toBeLessThan(50);
  }, 60_000);

  test("a call in flight when the bridge was killed is booked when its lease ends, and its budget is not spent twice", async () => {
    const daemon = await start("process", { config: "llm.call_ms = 100" });
    provider.next({ stallAt: "head" });
    const lost = chat(daemon).catch((error: unknown) => error);
    await until("the call to arrive", () => provider.requests.length === 1);
    await daemon.end("SIGKILL");
    await lost;
    await using next = await startTestDaemon({
      engine: "process",
      flags: ["--config", configFile("llm.call_ms = 100")],
      directories: daemon.directories,
    });
    const { rows } = await next.client.budget.report({ by: ["model"] });
    expect(rows[0]?.keys).toEqual(["oai/m"]);
    expect((rows[0]?.held_nano_usd ?? 0) + (rows[0]?.cost_nano_usd ?? 0)).toBeGreaterThan(0);
    await daemon[Symbol.asyncDispose]();
  }, 60_000);
});

describeOnEngines(
  "an agent with neither key nor network",
  (engine, engineEnv) => {
    test("uses the official SDKs through its model endpoint; the key is nowhere in its container, and its phantom key is good only there", async () => {
      await using daemon = await start(engine as "sandbox", {
        env: engineEnv(),
        start: ["heartbeat", "system-monitor"],
      });
      await until("both run", async () => (await daemon.client.bridge.status()).agents.running === 2);
      const bundle = await build({
        entryPoints: [join(repositoryRoot, "tests/support/budget/sdk-script.ts")],
        bundle: true,
        write: false,
        platform: "node",
        format: "esm",
        target: "node24",
        logLevel: "error",
      });
      const { pid } = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
      const { command, args } = insideAgent(pid ?? 0, [
        "/bin/node",
        "--input-type=module",
        "-",
        [...canaryKey].reverse().join(""),
      ]);
      const { stdout, stderr, ended } = await runIn(command, args, bundle.outputFiles[0]?.text ?? "");
      if (!stdout.startsWith("{")) throw new Error(`${ended}: ${stdout}${stderr}`);
      const seen = JSON.parse(stdout) as Record<string, unknown> & { apiKey: string };
      const words = "word ".repeat(8);
      expect(seen).toMatchObject({
        models: ["oai/m", "ant/m"],
        openai: words,
        openaiOnAnthropic: words,
        anthropic: words,
        chat: { result: { text: words } },
        internet: "none",
        scanned: { found: [], files: expect.any(Number) },
      });
      expect(stdout).not.toContain(canaryKey);
      expect(
        provider.requests
          .map(({ headers }) => headers.authorization ?? headers["x-api-key"])
          .every((key) => String(key).endsWith(canaryKey)),
      ).toBe(true);

      const agents = join(daemon.directories.runtime, "agents");
      const stolen = await statusAt(join(agents, "system-monitor-1.1", "llm.sock"), seen.apiKey);
      const fromOutside = await statusAt(join(agents, "heartbeat-1.1", "llm.sock"), seen.apiKey);
      // The first key is another agent's; the second is the right one, used by another uid.
      expect([stolen, fromOutside]).toEqual(["refused", "refused"]);
    }, 120_000);

    test("keeps its key for the endpoint when the bridge was killed", async () => {
      const env = engineEnv();
      const daemon = await start(engine as "sandbox", { env, start: ["heartbeat"] });
      const isRunning = async ({ client }: TestDaemon) =>
        (await client.agent.get({ agent_id: "heartbeat-1" })).state === "running";
      await until("the agent to run", () => isRunning(daemon));
      const { pid } = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
      const before = await asAgent(daemon, "heartbeat-1", { method: "llm.models", params: {} });
      await daemon.end("SIGKILL");
      await using next = await startTestDaemon({
        engine: engine as "sandbox",
        env,
        flags: ["--config", configFile()],
        start: ["heartbeat"],
        directories: daemon.directories,
      });
      await until("the agent to run under the next bridge", () => isRunning(next));
      expect((await next.client.agent.get({ agent_id: "heartbeat-1" })).pid).toBe(pid);
      const after = await asAgent(next, "heartbeat-1", { method: "llm.models", params: {} });
      expect(before.result).toHaveProperty("endpoint.api_key");
      expect(after.result).toEqual(before.result);
      await daemon[Symbol.asyncDispose]();
    }, 120_000);

    test("asks for more budget, and gets it when a person approves; is paused when its limit requires that", async () => {
      await using daemon = await start(engine as "sandbox", { env: engineEnv(), start: ["heartbeat"] });
      const { client } = daemon;
      const running = async () => (await client.agent.get({ agent_id: "heartbeat-1" })).state === "running";
      await until("it runs", running);
      await client.budget.set({ scope: "agent:heartbeat-1", window: "day", hard: 1_000 });
      const ask = {
        method: "budget.topup",
        params: { scope: "agent:heartbeat-1", window: "day", amount: 1_000_000_000, reason: "a long thread" },
      };
      expect((await asAgent(daemon, "heartbeat-1", ask)).error?.data.code).toBe("APPROVAL_PENDING");
      const { approvals } = await client.approval.list({});
      expect(JSON.parse(approvals[0]?.request ?? "{}")).toMatchObject({
        scope: "agent:heartbeat-1",
        amount: 1_000_000_000,
      });
      await client.approval.approve({ approval_id: approvals[0]?.approval_id ?? "" });
      expect((await asAgent(daemon, "heartbeat-1", ask)).result).toMatchObject({ approved_by: "user:0" });
      const elsewhere = { ...ask, params: { ...ask.params, scope: "global" } };
      expect((await asAgent(daemon, "heartbeat-1", elsewhere)).error?.data.code).toBe("FORBIDDEN");

      await client.budget.set({ scope: "agent:heartbeat-1", window: "hour", hard: 1, on_hard: "freeze" });
      void asAgent(daemon, "heartbeat-1", { method: "budget.reserve", params: { cost_nano_usd: 5 } }).catch(
        () => undefined,
      );
      await until("it is paused", async () => (await client.agent.get({ agent_id: "heartbeat-1" })).state === "paused");
      await client.budget.set({ scope: "agent:heartbeat-1", window: "hour", hard: 1_000_000 });
      await until("it goes on", running);
    }, 120_000);
  },
  ["sandbox", "docker"],
);

interface Answer {
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly data: { readonly code: string } };
}

/** Makes one call on the agent's own socket, from inside its container. */
async function asAgent(
  { client }: TestDaemon,
  agent_id: string,
  request: { method: string; params: object },
): Promise<Answer> {
  const { pid } = await client.agent.get({ agent_id });
  const line = JSON.stringify({ jsonrpc: "2.0", id: 1, ...request });
  const script = `const s=require("node:net").connect("/run/bridge/agent.sock");s.end(${JSON.stringify(`${line}\n`)});s.pipe(process.stdout)`;
  const { command, args } = insideAgent(pid ?? 0, ["/bin/node", "-e", script]);
  const { stdout, stderr, ended } = await runIn(command, args, "", 20_000);
  if (!stdout.startsWith("{")) throw new Error(`${ended}: ${stdout}${stderr}`);
  return JSON.parse(stdout) as Answer;
}

function statusAt(socketPath: string, key: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { socketPath, path: "/v1/models", headers: { authorization: `Bearer ${key}` } };
    request(options, (response) =>
      resolve(response.statusCode === 401 ? "refused" : String(response.resume().statusCode)),
    )
      .on("error", () => resolve("refused"))
      .end();
  });
}
