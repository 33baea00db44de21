import { connect as connectSocket, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type BridgeClient, connect, createClient } from "@armorclaw/client-sdk";
import { expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const readers = 100;
const events = Number(process.env["ARMORCLAW_TEST_READER_EVENTS"] ?? 300);
const storms = Number(process.env["ARMORCLAW_TEST_READER_STORMS"] ?? 100);
const options = { engine: "process", flags: ["--set", "allow_unsandboxed=true"] } as const;
const subscribeLine = `{"jsonrpc":"2.0","id":1,"method":"event.subscribe","params":{"channels":["a.>"]}}\n`;
const text = "x".repeat(1_000);

const percentile = (samples: readonly number[], share: number) =>
  samples.toSorted((a, b) => a - b)[Math.floor(samples.length * share)] ?? 0;

/** A subscriber on a bare socket that reads as `read` configures. */
function badReader(path: string, read: (socket: Socket) => void): Socket {
  const socket = connectSocket(path).on("error", () => undefined);
  socket.write(subscribeLine);
  read(socket);
  return socket;
}

const mute = (socket: Socket): void => void socket.pause();

/** Reads one byte at a time: the socket's own buffer holds no more than that. */
function byteAtATime(socket: Socket): void {
  socket.pause();
  const timer = setInterval(() => socket.read(1), 50);
  socket.once("close", () => clearInterval(timer));
}

/** Publishes one event at a time, and returns how long each took to every reader. */
async function fanOut(
  publisher: BridgeClient,
  path: string,
): Promise<{ readonly ms: number[]; readonly lost: number }> {
  const clients = await Promise.all(Array.from({ length: readers }, () => connect({ socketPath: path })));
  const begun = new Map<number, number>();
  const ms: number[] = [];
  const counts = clients.map(() => 0);
  const subscriptions = clients.map((client) => client.subscribe({ channels: ["a.>"] }));
  await Promise.all(subscriptions.map(({ ready }) => ready));
  const reading = subscriptions.map(async (subscription, index) => {
    for await (const { data } of subscription) {
      ms.push(performance.now() - (begun.get(Number(data["n"])) ?? 0));
      counts[index] = (counts[index] ?? 0) + 1;
      if (counts[index] === events) return;
    }
  });
  for (let n = 0; n < events; n++) {
    begun.set(n, performance.now());
    await publisher.event.publish({ channel: "a.b", type: "a.b", data: { n, text } });
  }
  await Promise.all(reading);
  await Promise.all(clients.map((client) => client.close()));
  return { ms, lost: counts.reduce((sum, count) => sum + events - count, 0) };
}

test(`${readers} readers get each of ${events} events as soon as without two more readers, one that never reads and one that reads a byte at a time`, async () => {
  await using daemon = await startTestDaemon(options);
  const publisher = daemon.client;
  await fanOut(publisher, daemon.socket);
  const alone = await fanOut(publisher, daemon.socket);
  const bad = [badReader(daemon.socket, mute), badReader(daemon.socket, byteAtATime)];
  const rssBefore = (await publisher.bridge.status()).memory_bytes;
  const among = await fanOut(publisher, daemon.socket);
  const rssMib = ((await publisher.bridge.status()).memory_bytes - rssBefore) / 1024 / 1024;
  for (const socket of bad) socket.destroy();
  const [before, after] = [percentile(alone.ms, 0.99), percentile(among.ms, 0.99)];
  process.stderr.write(
    `${readers} readers: p99 ${before.toFixed(1)} ms alone, ${after.toFixed(1)} ms among bad ones (ratio ${(after / before).toFixed(2)}), rss ${rssMib.toFixed(0)} MiB more, ${alone.lost + among.lost} lost\n`,
  );
  expect(alone.lost + among.lost).toBe(0);
  expect(rssMib).toBeLessThan(150);
}, 180_000);

test(`${storms} times all connections break at once: durable readers resume without a gap`, async () => {
  await using daemon = await startTestDaemon(options);
  const names = Array.from({ length: 10 }, (_, i) => `reader-${i}`);
  const seen = names.map(() => new Set<number>());
  let published = 0;
  let isOver = false;
  const publishing = (async () => {
    for (; !isOver; published++) {
      await daemon.client.event.publish({ channel: "a.b", type: "a.b", data: { n: published } });
      await sleep(2);
    }
  })();
  const read = async (name: string, index: number, rounds: number) => {
    for (let round = 0; round <= rounds; round++) {
      await using client = createClient({ socketPath: daemon.socket, reconnect: false });
      const subscription = client.subscribe({ channels: ["a.>"], name, cursor: 0, attempts_max: 1_000 });
      let taken = 0;
      for await (const event of subscription) {
        seen[index]?.add(Number(event.data["n"]));
        await subscription.ack(event);
        taken += 1;
        if (round < rounds ? taken === 1 + (index % 3) : isOver && seen[index]?.size === published) break;
      }
    }
  };
  const rounds = Math.ceil(storms / names.length);
  const stormy = names.map((name, index) => read(name, index, rounds));
  await until("the storms", () => published > 300, 60_000);
  isOver = true;
  await publishing;
  await daemon.client.event.publish({ channel: "a.b", type: "a.b", data: { n: published++ } });
  await Promise.all(stormy);
  const lost = seen.reduce((sum, one) => sum + published - one.size, 0);
  const { dead_letters } = await daemon.client.event.dead_letters({});
  process.stderr.write(`${rounds * names.length} broken connections, ${published} events, ${lost} lost\n`);
  expect(lost).toBe(0);
  expect(dead_letters).toEqual([]);
}, 120_000);
