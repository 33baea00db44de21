import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { connect } from "@armorclaw/client-sdk";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { BrowserOptions, connect as connectInPage } from "../../client-sdk/browser.ts";
import { repositoryRoot, shell, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { hasChromium, startChromium } from "../support/voice/chromium.ts";
import { listenerPort } from "../support/wire/listener-port.ts";
import { sdkForPages, servePage } from "../support/wire/sdk-page.ts";

const execute = promisify(execFile);
const requests = [
  { jsonrpc: "2.0", id: 1, method: "loop.list" },
  { jsonrpc: "2.0", id: "ü-2", method: "agent.get", params: { agent_id: "nobody-1" } },
  { jsonrpc: "2.0", id: 3, method: "event.history", params: { limit: 0 } },
];

/** Removes the parts of answers that differ from call to call. */
function comparable(answers: unknown): unknown {
  return JSON.parse(JSON.stringify(answers, (key, value) => (key === "correlation_id" ? undefined : value)));
}

describe("every listener of the real daemon", () => {
  let page: Awaited<ReturnType<typeof servePage>>;
  let daemon: TestDaemon;
  let expected: unknown;
  let port = 0;

  beforeAll(async () => {
    page = await servePage(await sdkForPages());
    const settings = [
      "listen.http.address=127.0.0.1:0",
      "listen.websocket.address=127.0.0.1:0",
      `listen.websocket.origins=${page.origin}`,
    ];
    daemon = await startTestDaemon({ engine: "process", flags: settings.flatMap((setting) => ["--set", setting]) });
    port = await listenerPort(daemon, "http listener");
    const answers = await shell(`printf '%s\\n' "$REQUESTS" | socat -t 10 - UNIX-CONNECT:${daemon.socket}`, {
      REQUESTS: requests.map((request) => JSON.stringify(request)).join("\n"),
    });
    expected = comparable(
      answers.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    );
  }, 60_000);

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    page[Symbol.dispose]();
  });

  const mint = async (name: string, flags: readonly string[] = []) => {
    const { stdout } = await daemon.cli(["token", "create", "--name", name, "--role", "admin", "--json", ...flags]);
    return (JSON.parse(stdout) as { token: string }).token;
  };

  test("socat gets each answer in order", () => {
    expect(expected).toMatchObject([
      { id: 1, result: { loops: expect.any(Array) } },
      { id: "ü-2", error: { code: -2, data: { code: "AGENT_NOT_FOUND" } } },
      { id: 3, error: { code: -32602 } },
    ]);
  });

  test("curl on the Unix socket gets the same", async () => {
    const answers = [];
    for (const request of requests) {
      const args = ["-sS", "--unix-socket", daemon.socket, "-d", JSON.stringify(request), "http://bridge/rpc"];
      answers.push(JSON.parse((await execute("curl", args)).stdout));
    }
    expect(comparable(answers)).toEqual(expected);
    const health = await execute("curl", ["-sS", "--unix-socket", daemon.socket, "http://bridge/health"]);
    expect(JSON.parse(health.stdout)).toEqual(await daemon.client.call("bridge.health"));
    const metrics = await execute("curl", ["-sS", "--unix-socket", daemon.socket, "http://bridge/metrics"]);
    expect(metrics.stdout).toMatch(/^armorclaw_rpc_calls_total\{method="loop\.list",code="ok"\} [1-9]/m);
    expect(metrics.stdout).toMatch(
      /^armorclaw_rpc_call_duration_seconds_bucket\{method="loop\.list",le="\+Inf"\} [1-9]/m,
    );
    expect(metrics.stdout).toMatch(/^process_resident_memory_bytes \d/m);
  });

  test("the Python client gets the same, and the events", async () => {
    const script = `
import json, sys
sys.path.insert(0, "clients/python")
from armorclaw import Client, BridgeError
answers = []
with Client() as bridge:
    for request in json.loads(sys.argv[1]):
        try:
            answers.append({"result": bridge.call(request["method"], request.get("params"))})
        except BridgeError as error:
            answers.append({"code": error.rpc_code, "message": str(error)})
    events = bridge.subscribe(["demo.>"])
    bridge.call("event.publish", {"channel": "demo.x", "type": "demo.told", "data": {"n": 1}})
    answers.append(next(events)["data"])
print(json.dumps(answers))
`;
    const options = { cwd: repositoryRoot, env: { ...process.env, ARMORCLAW_SOCKET: daemon.socket } };
    const { stdout } = await execute("python3", ["-B", "-c", script, JSON.stringify(requests)], options);
    const [loops, missing, wrong, event] = JSON.parse(stdout);
    const [first, second, third] = expected as { result: unknown; error: { code: number; message: string } }[];
    expect(loops.result).toEqual(first?.result);
    expect(missing).toEqual({ code: second?.error.code, message: second?.error.message });
    expect(wrong).toEqual({ code: third?.error.code, message: third?.error.message });
    expect(event).toEqual({ n: 1 });
  });

  test("a token opens HTTP over TCP until it is revoked, and its connections are closed then", async () => {
    const token = await mint("dashboard");
    const post = () =>
      fetch(`http://127.0.0.1:${port}/rpc`, {
        method: "POST",
        body: JSON.stringify(requests[0]),
        headers: { authorization: `Bearer ${token}` },
      });
    expect(comparable(await (await post()).json())).toEqual((expected as unknown[])[0]);
    await using client = await connect({ url: `ws://127.0.0.1:${port}`, token, reconnect: false });
    expect(await client.call("rpc.ping")).toEqual({ pong: true });
    expect((await daemon.cli(["token", "ls"])).stdout).toContain("dashboard");
    const closed = new Promise<void>((resolve) => client.onState((state) => state === "closed" && resolve()));
    const revoked = await daemon.cli(["token", "revoke", "dashboard", "--json"]);
    expect(JSON.parse(revoked.stdout)).toEqual({ revoked: true, closed_connections: 1 });
    await closed;
    expect((await post()).status).toBe(401);
    expect((await daemon.cli(["token", "revoke", "dashboard"])).code).toBe(3);
  });

  describeIf(hasChromium, "there is no /usr/bin/chromium", "a page in Chromium", () => {
    test("gets the same over WebSocket, and the events", async () => {
      const token = await mint("page");
      await using browser = await startChromium();
      const tab = await browser.newPage();
      await tab.goto(page.origin);
      const options: BrowserOptions = { url: `ws://127.0.0.1:${port}`, token, reconnect: false };
      const seen = await tab.evaluate(
        async ([how, asked]) => {
          const sdk = (globalThis as never as { armorclaw: { connect: typeof connectInPage } }).armorclaw;
          const client = await sdk.connect(how);
          const answers: unknown[] = [];
          for (const { method, params } of asked) {
            const answer = client.call(method as string, params).then(
              (result) => ({ result }),
              (error) => ({ code: error.code, message: error.message }),
            );
            answers.push(await answer);
          }
          const events = client.subscribe({ channels: ["page.>"] });
          await events.ready;
          await client.call("event.publish", { channel: "page.x", type: "page.told", data: { n: 2 } } as never);
          for await (const event of events) {
            answers.push(event.data);
            break;
          }
          await client.close();
          return answers;
        },
        [options, requests] as const,
      );
      const [first, second, third] = expected as {
        result: unknown;
        error: { message: string; data: { code: string } };
      }[];
      expect(seen).toEqual([
        { result: first?.result },
        { code: second?.error.data.code, message: second?.error.message },
        { code: third?.error.data.code, message: third?.error.message },
        { n: 2 },
      ]);
      const refused = tab.evaluate(async (how) => {
        const sdk = (globalThis as never as { armorclaw: { connect: typeof connectInPage } }).armorclaw;
        await sdk.connect({ ...how, token: "act_wrong" });
      }, options);
      await expect(refused).rejects.toThrow("No bridge answers");
    }, 60_000);
  });
});
