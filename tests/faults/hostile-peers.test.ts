import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { defaultRpcLimits } from "../../bridge/rpc/index.ts";
import { until } from "../support/until.ts";
import { type FixtureProcess, startFixtureProcess } from "../support/wire/fixture-process.ts";
import { serveFixtures } from "../support/wire/serve.ts";
import { WireClient } from "../support/wire/wire-client.ts";

const mebibyte = 1024 * 1024;

describe("a server with default settings", () => {
  let server: FixtureProcess;

  beforeAll(async () => {
    server = await startFixtureProcess();
  });

  afterAll(async () => await server[Symbol.asyncDispose]());

  /** Returns the longest of some pings while `attack` runs. */
  async function longestPingDuring(attack: () => Promise<unknown>): Promise<number> {
    await using bystander = await WireClient.open(server.path);
    let isOver = false;
    let longest = 0;
    const attacking = attack().finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const start = performance.now();
      await bystander.call("ping");
      longest = Math.max(longest, performance.now() - start);
    }
    await attacking;
    return longest;
  }

  test("keeps its memory bounded while 100 MiB arrive without a newline, and closes the connection with a reason", async () => {
    const before = server.residentBytes();
    await using attacker = await WireClient.open(server.path);
    const piece = "x".repeat(mebibyte);
    for (let sent = 0; sent < 100 && !attacker.isEnded; sent++) {
      attacker.socket.write(piece);
      await attacker.until(() => attacker.socket.writableLength < 4 * mebibyte || attacker.isEnded, "the writes");
    }
    expect((await attacker.next()).error?.data.code).toBe("FRAME_TOO_LARGE");
    expect(server.residentBytes() - before).toBeLessThan(96 * mebibyte);
  });

  test("keeps its memory bounded while a peer asks for 2 GiB and reads nothing", async () => {
    const before = server.residentBytes();
    await using attacker = await WireClient.open(server.path);
    attacker.socket.pause();
    for (let id = 0; id < 2_000; id++) {
      attacker.send(`{"jsonrpc":"2.0","method":"big","params":[${mebibyte}],"id":${id}}`);
    }
    // The server may stop reading the requests. Each answered ping is a turn in which it could have produced more unread answers.
    await using bystander = await WireClient.open(server.path);
    for (let turn = 0; turn < 500; turn++) await bystander.call("ping");
    expect(server.residentBytes() - before).toBeLessThan(64 * mebibyte);
  });

  test("drops a subscriber that does not read, and the others get everything", async () => {
    await using slow = await WireClient.open(server.path);
    await using reader = await WireClient.open(server.path);
    await using publisher = await WireClient.open(server.path);
    await slow.call("subscribe", ["t"]);
    await reader.call("subscribe", ["t"]);
    slow.socket.pause();
    const before = server.residentBytes();
    for (let round = 1; round <= 100; round++) {
      await publisher.call("publish", ["t", 100, 8_192]);
      await reader.until(() => reader.lines.length === round * 100 + 1, "every event");
    }
    expect(reader.lines.slice(1).map((line) => Number(/"seq":(\d+)/.exec(line)?.[1]))).toEqual(
      Array.from({ length: 10_000 }, (_, index) => index + 1),
    );
    expect(server.residentBytes() - before).toBeLessThan(128 * mebibyte);
    slow.socket.resume();
    await slow.ended();
  });

  test("accepts new peers while thousands of connections hang with half a line", async () => {
    const attackers: WireClient[] = [];
    for (let opened = 0; opened < 2 * defaultRpcLimits.connectionsMax; opened++) {
      const attacker = await WireClient.open(server.path);
      attacker.socket.write('{"jsonrpc":"2.0","meth');
      attackers.push(attacker);
      if (opened % 256 === 0) {
        await using bystander = await WireClient.open(server.path);
        expect((await bystander.call("ping")).result).toBe("pong");
      }
    }
    await using bystander = await WireClient.open(server.path);
    expect((await bystander.call("ping")).result).toBe("pong");
    await until("the oldest connection to be closed", () => attackers[0]?.isEnded === true);
    for (const attacker of attackers) await attacker[Symbol.asyncDispose]();
  });

  test.each([
    ["100,000 levels", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ["8 million levels that never close", "[".repeat(8_000_000)],
    ["a million empty objects", `[${"{},".repeat(1_000_000)}{}]`],
    [
      "keys that would share one bucket of a table without a seed",
      `{${Array.from({ length: 90_000 }, (_, i) => `"${(i * 65_536) % 4_294_967_291}":1`)}}`,
    ],
    ["90,000 unknown ids in a batch", `[${'{"jsonrpc":"2.0","method":"nope","id":1},'.repeat(90_000)}1]`],
  ])("answers others meanwhile when a peer sends %s", async (_, params) => {
    await using attacker = await WireClient.open(server.path);
    const longest: number[] = [];
    // A machine that stalls for a second affects one attack, but hardly three.
    while (longest.length < 3 && !(Math.min(...longest) < 1_000)) {
      const one = await longestPingDuring(() => {
        attacker.send(`{"jsonrpc":"2.0","method":"sum","params":${params},"id":1}`);
        return attacker.next();
      });
      longest.push(one);
    }
    expect(Math.min(...longest)).toBeLessThan(1_000);
  });
});

describe("a slow peer", () => {
  test("that sends a line a byte at a time is disconnected when the line takes too long", async () => {
    await using served = await serveFixtures({ limits: { lineDeadlineMs: 200 } });
    await using client = await WireClient.open(served.path);
    client.socket.write('{"jsonrpc"');
    expect((await client.next()).error?.message).toContain("200 ms");
    await client.ended();
  });

  test("whose lines each end in time is kept, even when one is always unfinished", async () => {
    await using served = await serveFixtures({ limits: { lineDeadlineMs: 200 } });
    await using client = await WireClient.open(served.path);
    const [head, tail] = ['{"jsonrpc":"2.0","id":1,', '"method":"ping"}\n'];
    client.socket.write(head);
    const start = performance.now();
    while (performance.now() - start < 600) {
      client.socket.write(tail + head);
      expect((await client.next()).result).toBe("pong");
    }
  });

  test("that leaves more than the bound unread past the write deadline is disconnected and counted", async () => {
    const limits = { queueBytesMax: mebibyte, writeDeadlineMs: 200 };
    await using served = await serveFixtures({ limits });
    await using slow = await WireClient.open(served.path);
    await using publisher = await WireClient.open(served.path);
    await slow.call("subscribe", ["t"]);
    slow.socket.pause();
    await publisher.call("publish", ["t", 200, 10_000]);
    await until("the slow peer to be disconnected", () => served.server.stats.slowConsumers === 1);
    expect((await publisher.call("ping")).result).toBe("pong");
  });

  test("that catches up in time is kept", async () => {
    const limits = { queueBytesMax: mebibyte, writeDeadlineMs: 10_000 };
    await using served = await serveFixtures({ limits });
    await using slow = await WireClient.open(served.path);
    await using publisher = await WireClient.open(served.path);
    await slow.call("subscribe", ["t"]);
    slow.socket.pause();
    await publisher.call("publish", ["t", 200, 10_000]);
    slow.socket.resume();
    await slow.until(() => slow.lines.length === 201, "every event");
    expect(served.server.stats.slowConsumers).toBe(0);
  });

  test("cannot hold more unfinished bytes by many connections than one principal may", async () => {
    await using served = await serveFixtures({ limits: { partialBytesMax: mebibyte } });
    await using stack = new AsyncDisposableStack();
    const clients: WireClient[] = [];
    for (let opened = 0; opened < 20; opened++) {
      const client = stack.use(await WireClient.open(served.path));
      client.socket.write("x".repeat(100_000));
      clients.push(client);
    }
    await until("one connection to be closed", () => clients.some(({ isEnded }) => isEnded));
    expect(served.server.stats.cut).toBeGreaterThan(0);
  });
});

describe("connections beyond the bound", () => {
  test("are refused when all others have sent a line, and accepted again when one has closed", async () => {
    await using served = await serveFixtures({ limits: { connectionsMax: 2 } });
    await using one = await WireClient.open(served.path);
    await using two = await WireClient.open(served.path);
    await one.call("ping");
    await two.call("ping");
    await using three = await WireClient.open(served.path);
    expect((await three.next()).error?.data.code).toBe("TOO_MANY_CONNECTIONS");
    await three.ended();
    one.socket.destroy();
    await until("room for a connection", () => served.server.stats.connections < 2);
    await using four = await WireClient.open(served.path);
    expect((await four.call("ping")).result).toBe("pong");
    expect(served.server.stats).toMatchObject({ refused: 1, evicted: 0 });
  });
});

test("a stream of 64 MiB uses bounded memory, however slowly credit is granted", async () => {
  await using served = await serveFixtures();
  const take = async () => {
    await using client = await WireClient.open(served.path);
    client.send('{"jsonrpc":"2.0","method":"stream","params":{"count":1024,"bytes":65536},"id":"s"}');
    for (let taken = 1; taken <= 1024; taken++) {
      expect((await client.next()).params?.seq).toBe(taken);
      client.lines[taken - 1] = "";
      if (taken % 32 === 0) client.send('{"jsonrpc":"2.0","method":"rpc.stream_credit","params":{"id":"s","n":32}}');
    }
    expect((await client.next()).result).toBe(1024);
  };
  // The first stream also grows the heap to the size that two ends in one process need.
  await take();
  const before = process.memoryUsage().rss;
  await take();
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * mebibyte);
});
