import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { WireClient } from "../support/wire-client.ts";

const mebibyte = 1024 * 1024;
const idleConnections = 10_000;
const callsPerRound = 1_000;
/** A busy machine spoils a round now and then, so the best of some is taken on either side. */
const rounds = 5;
/** Below this a percentile is the scheduler's and not the bridge's. */
const noiseMs = 0.5;

describe("what others notice of a hostile peer", () => {
  const directory = tempDirectory();
  const path = join(directory.path, "fixture.sock");
  let server: ChildProcess;
  let quietP99 = 0;

  beforeAll(async () => {
    const script = join(import.meta.dirname, "../support/fixture-server.ts");
    const flags = ["--socket", path, "--connections-max", String(idleConnections + 100)];
    server = spawn(process.execPath, ["--conditions=armorclaw-source", script, ...flags], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    await until("the fixture server's start", async () => {
      await using client = await WireClient.open(path);
      return await client.call("ping");
    });
    quietP99 = await bestP99();
  });

  afterAll(async () => {
    server.kill();
    await once(server, "close");
    directory[Symbol.dispose]();
  });

  const residentMib = () => {
    const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  };

  /** A bystander's 99th percentile, in milliseconds. */
  async function bestP99(): Promise<number> {
    await using bystander = await WireClient.open(path);
    const percentiles: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const times: number[] = [];
      for (let call = 0; call < callsPerRound; call++) {
        const start = performance.now();
        await bystander.call("ping");
        times.push(performance.now() - start);
      }
      percentiles.push(times.sort((a, b) => a - b)[Math.floor(callsPerRound * 0.99)] ?? 0);
    }
    return Math.min(...percentiles);
  }

  async function row(name: string, memoryMibMax: number, memoryBefore: number): Promise<void> {
    const p99 = await bestP99();
    const grown = residentMib() - memoryBefore;
    process.stderr.write(
      `hostile: ${name}: p99 ${quietP99.toFixed(2)} → ${p99.toFixed(2)} ms, memory +${grown.toFixed(0)} MiB (at most ${memoryMibMax})\n`,
    );
    expect(p99).toBeLessThan(2 * Math.max(quietP99, noiseMs));
    expect(grown).toBeLessThan(memoryMibMax);
  }

  test("that opens 10,000 connections and says nothing", async () => {
    const before = residentMib();
    const idle: WireClient[] = [];
    for (let opened = 0; opened < idleConnections; opened += 100)
      idle.push(...(await Promise.all(Array.from({ length: 100 }, () => WireClient.open(path)))));
    await row(`${idle.length} idle connections`, 200, before);
    expect(idle.filter(({ isEnded }) => isEnded)).toEqual([]);
    for (const connection of idle) await connection[Symbol.asyncDispose]();
  }, 60_000);

  test("that sends lines a byte at a time on 500 connections", async () => {
    const before = residentMib();
    const slow = await Promise.all(Array.from({ length: 500 }, () => WireClient.open(path)));
    let sent = 0;
    const dripping = setInterval(() => {
      for (const connection of slow) connection.socket.write('{"jsonrpc":"2.0","method":"'[sent % 27] ?? "x");
      sent += 1;
    }, 20);
    try {
      await until("the first bytes of each", () => sent > 2);
      await row("slowloris on 500 connections", 64, before);
    } finally {
      clearInterval(dripping);
    }
    expect(sent).toBeGreaterThan(2);
    for (const connection of slow) await connection[Symbol.asyncDispose]();
  }, 60_000);

  test("that subscribes and never reads", async () => {
    const before = residentMib();
    await using deaf = await WireClient.open(path);
    await using publisher = await WireClient.open(path);
    await deaf.call("subscribe", ["t"]);
    deaf.socket.pause();
    let published = 0;
    const publishing = setInterval(() => {
      publisher.send(JSON.stringify({ jsonrpc: "2.0", method: "publish", params: ["t", 10, 8_192] }));
      published += 10;
    }, 10);
    try {
      await until("more than it may leave unread", () => published * 8_192 > 8 * mebibyte);
      await row("a subscriber that never reads", 64, before);
    } finally {
      clearInterval(publishing);
    }
  }, 60_000);

  test("that asks for 2 GiB and never reads", async () => {
    const before = residentMib();
    await using deaf = await WireClient.open(path);
    deaf.socket.pause();
    for (let id = 0; id < 2_000; id++)
      deaf.send(JSON.stringify({ jsonrpc: "2.0", method: "big", params: [mebibyte], id }));
    await row("2 GiB of answers that are never read", 64, before);
  }, 60_000);
});
