import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { LineServer, type Received, until } from "../tests/support/wire/line-server.ts";
import { runtimeVersion } from "./version.ts";

const bundle = fileURLToPath(new URL("../dist/agent/agent.mjs", import.meta.url));
const hostInfo = {
  cpus: 2,
  cpu_percent: 12.5,
  load: [0.4, 0.3, 0.2],
  memory_total_bytes: 2 ** 34,
  memory_available_bytes: 2 ** 33,
  disk_total_bytes: 2 ** 37,
  disk_free_bytes: 2 ** 36,
  uptime_s: 1,
};

let server: LineServer;
let agent: ChildProcessByStdio<null, Readable, Readable> | undefined;
let stdout: string;
let stderr: string;
let hello: object;

const answer = ({ method }: Received) => {
  if (method === "agent.hello") return hello;
  if (method === "system.info") return { host: hostInfo, agents: [] };
  return { ok: true };
};

beforeEach(async () => {
  stdout = "";
  stderr = "";
  hello = {
    agent_id: "heartbeat-1",
    agent_type: "heartbeat",
    epoch: 1,
    schedule_ms: 100,
    heartbeat_ms: 100,
    subscriptions: [],
  };
  server = await LineServer.open(answer);
});
afterEach(async () => {
  if (agent !== undefined && agent.exitCode === null && agent.signalCode === null) {
    agent.kill("SIGKILL");
    await once(agent, "exit");
  }
  await server[Symbol.asyncDispose]();
});

function start(): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, [bundle], {
    env: { ARMORCLAW_AGENT_SOCKET: server.path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  agent = child;
  return child;
}

const ended = async (child: ChildProcessByStdio<null, Readable, Readable>) => {
  if (child.exitCode === null) await once(child, "close");
  return child.exitCode;
};
const seqs = () => server.of("agent.heartbeat").map(({ params }) => params.seq);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe("the agent bundle", () => {
  test("is small and holds no schema library", () => {
    const code = readFileSync(bundle, "utf8");
    expect(code.length).toBeLessThan(160_000);
    expect(code).not.toContain("node_modules/zod");
  });

  test("sends hello before anything else, then numbered heartbeats", async () => {
    start();
    await until(() => seqs().length >= 3, "three heartbeats");
    expect(server.received[0]).toMatchObject({
      method: "agent.hello",
      params: { runtime_version: runtimeVersion, pid: agent?.pid },
    });
    expect(seqs()).toEqual(upTo(seqs().length));
    expect(server.of("agent.heartbeat")[2]?.params).toMatchObject({
      activity: "active",
      rss_bytes: expect.any(Number),
      lag_ms: expect.any(Number),
    });
  });

  test("heartbeat publishes numbered pulses on its own channel and prints each", async () => {
    start();
    await until(() => server.of("event.publish").length >= 3 && stdout.includes("pulse 2"), "three pulses");
    const pulses = server.of("event.publish").slice(0, 3);
    expect(pulses.map(({ params }) => params.data.seq)).toEqual([1, 2, 3]);
    expect(pulses[1]?.params).toMatchObject({
      channel: "agent.heartbeat-1.pulse",
      type: "heartbeat.pulse",
      data: { uptime_ms: expect.any(Number), drift_ms: expect.any(Number) },
    });
    expect(stdout).toMatch(/^pulse 1 {2}up \d+\.\d s {2}drift 0\.0 ms\n/);
  });

  test("system-monitor publishes what the bridge measured and prints a line", async () => {
    hello = { ...hello, agent_id: "system-monitor-1", agent_type: "system-monitor" };
    start();
    await until(() => server.of("event.publish").length >= 1 && stdout !== "", "metrics");
    expect(server.of("event.publish")[0]?.params).toEqual({
      channel: "agent.system-monitor-1.metrics",
      type: "system.metrics",
      data: { host: hostInfo, agents: [] },
    });
    expect(stdout).toBe("cpu 12.5 %  load 0.40  memory 8.0 of 16.0 GiB  disk 64.0 GiB free  0 agents\n");
  });

  test("sends hello again after the bridge was restarted, and goes on counting", async () => {
    start();
    await until(() => seqs().length >= 2, "two heartbeats");
    await server.stop();
    const before = seqs().length;
    await server.listen();
    await until(() => seqs().length >= before + 2, "two more heartbeats");
    const second = server.received.filter(({ connection }) => connection === server.connections);
    expect(second[0]?.method).toBe("agent.hello");
    // A heartbeat in flight when the connection dropped is counted and lost.
    const after = seqs().slice(before);
    expect(after[0] - before).toBeLessThanOrEqual(2);
    expect(after).toEqual(after.map((_, index) => after[0] + index));
  });

  test("ends with 0 on SIGTERM and reports the stop", async () => {
    const child = start();
    await until(() => seqs().length >= 1, "a heartbeat");
    child.kill("SIGTERM");
    expect(await ended(child)).toBe(0);
    expect(server.of("agent.report").at(-1)?.params).toEqual({ activity: "terminated" });
    expect(stderr).toBe("");
  });

  test("ends with 0 on SIGTERM while there is no bridge", async () => {
    await server.stop();
    const child = start();
    // The handler is installed once the process has tried its socket; before that, the signal's default action ends the process.
    await server.listen();
    await until(() => server.connections >= 1, "a connection");
    await server.stop();
    child.kill("SIGTERM");
    expect(await ended(child)).toBe(0);
  });

  test("reports a tick that fails, and ends with 1 and one line after five failures in a row", async () => {
    const data = { code: "FORBIDDEN", retryable: false };
    server.handler = (request, reply) =>
      request.method === "event.publish"
        ? reply({ id: request.id, error: { code: -32001, message: "Not allowed", data } })
        : answer(request);
    const child = start();
    expect(await ended(child)).toBe(1);
    const reports = server.of("agent.report").map(({ params }) => params);
    expect(reports[1]).toEqual({ activity: "error", message: "Failure 1 of 5: Not allowed" });
    expect(reports.at(-1)).toEqual({ activity: "error", message: "Failure 5 of 5: Not allowed" });
    expect(stderr).toBe("Not allowed\n");
  });

  test("ends with 1 and one line when the bridge refuses it", async () => {
    const data = { code: "FORBIDDEN", retryable: false };
    server.handler = ({ id }, reply) => reply({ id, error: { code: -32001, message: "Not this epoch", data } });
    const child = start();
    expect(await ended(child)).toBe(1);
    expect(stderr).toBe("The bridge refused the connection: Not this epoch\n");
  });

  test("ends with 1 and one line when the image does not contain its loop", async () => {
    hello = { ...hello, agent_type: "gmail" };
    const child = start();
    expect(await ended(child)).toBe(1);
    expect(stderr).toBe("This agent image holds no loop gmail\n");
  });
});
