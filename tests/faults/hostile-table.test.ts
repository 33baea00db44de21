import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { until } from "../support/until.ts";
import { bestP99, boundMs, p99Of } from "../support/wire/bystander.ts";
import { type FixtureProcess, startFixtureProcess } from "../support/wire/fixture-process.ts";
import { WireClient } from "../support/wire/wire-client.ts";

const mebibyte = 1024 * 1024;
const idleConnections = 10_000;

describe("what others notice of a hostile peer", () => {
  let server: FixtureProcess;

  beforeAll(async () => {
    server = await startFixtureProcess(["--connections-max", String(idleConnections + 100)]);
  });

  afterAll(async () => await server[Symbol.asyncDispose]());

  /** Measures a bystander's latency and the server's memory during one attack, which goes on until its disposal. */
  async function row(name: string, memoryMibMax: number, attack: () => Promise<AsyncDisposable>): Promise<void> {
    await using bystander = await WireClient.open(server.path);
    const calls = () => p99Of(bystander, "ping");
    const quiet = await bestP99(calls);
    const before = server.residentBytes() / mebibyte;
    await using _ = await attack();
    const among = await bestP99(calls, boundMs(quiet));
    const grown = server.residentBytes() / mebibyte - before;
    process.stderr.write(
      `hostile: ${name}: p99 ${quiet.toFixed(2)} → ${among.toFixed(2)} ms, memory +${grown.toFixed(0)} MiB (at most ${memoryMibMax})\n`,
    );
    expect(among).toBeLessThan(boundMs(quiet));
    expect(grown).toBeLessThan(memoryMibMax);
  }

  test("that opens 10,000 connections and sends nothing", async () => {
    const idle: WireClient[] = [];
    await using _ = endOf(idle);
    await row(`${idleConnections} idle connections`, 200, async () => {
      for (let opened = 0; opened < idleConnections; opened += 100) idle.push(...(await openMany(server.path, 100)));
      return endOf([]);
    });
    expect(idle.filter(({ isEnded }) => !isEnded)).toHaveLength(idleConnections);
  }, 60_000);

  test("that sends lines a byte at a time on 500 connections", async () => {
    let sent = 0;
    await row("slowloris on 500 connections", 64, async () => {
      const slow = await openMany(server.path, 500);
      // Connections are opened a few at a time, because the bystander must not measure this process's own work.
      const dripping = setInterval(() => {
        for (let n = 0; n < 25; n++, sent++)
          slow[sent % 500]?.socket.write('{"jsonrpc":"2.0","method":"'[Math.floor(sent / 500) % 27] ?? "x");
      }, 2);
      await until("the first bytes of each", () => sent > 1_000);
      return endOf(slow, dripping);
    });
    expect(sent).toBeGreaterThan(1_000);
  }, 60_000);

  test("that subscribes and never reads", async () => {
    await row("a subscriber that never reads", 64, async () => {
      const [deaf, publisher] = await openMany(server.path, 2);
      assert(deaf && publisher);
      await deaf.call("subscribe", ["t"]);
      deaf.socket.pause();
      let published = 0;
      const publishing = setInterval(() => {
        publisher.send(JSON.stringify({ jsonrpc: "2.0", method: "publish", params: ["t", 10, 8_192] }));
        published += 10;
      }, 10);
      await until("more than it may leave unread", () => published * 8_192 > 8 * mebibyte);
      return endOf([deaf, publisher], publishing);
    });
  }, 60_000);

  test("that asks for 2 GiB and never reads", async () => {
    await row("2 GiB of answers that are never read", 64, async () => {
      const deaf = await openMany(server.path, 1);
      deaf[0]?.socket.pause();
      for (let id = 0; id < 2_000; id++)
        deaf[0]?.send(JSON.stringify({ jsonrpc: "2.0", method: "big", params: [mebibyte], id }));
      return endOf(deaf);
    });
  }, 60_000);
});

const openMany = (path: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => WireClient.open(path)));

const endOf = (attackers: readonly WireClient[], timer?: NodeJS.Timeout): AsyncDisposable => ({
  async [Symbol.asyncDispose]() {
    clearInterval(timer);
    for (const attacker of attackers) await attacker[Symbol.asyncDispose]();
  },
});
