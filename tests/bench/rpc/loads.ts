import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { largeParams, type Peer, type PeerClient, smallParams } from "./peer.ts";
import type { Placement } from "./placement.ts";

/** The server's usage so far. */
export interface Usage {
  readonly cpu: NodeJS.CpuUsage;
  readonly rss: number;
}

/** One load's figures. Times in microseconds, sizes in bytes. */
export type Figures = Readonly<Record<string, number>>;

export interface Bench {
  readonly peer: Peer;
  readonly path: string;
  readonly durationMs: number;
  usage(): Promise<Usage>;
}

export type Load = (bench: Bench) => Promise<Figures | undefined>;

/**
 * Every server and client is warmed up by as many requests, since a compiler counts calls: on a busy machine a time alone would
 * leave the one with more code half compiled. Slow peers are given up on after the second time.
 */
const warmUpRequests = 30_000;
/** Each event goes to a hundred subscribers. */
const warmUpEvents = 3_000;
const warmUpMs = 400;
const warmUpMsMax = 5_000;
const mebibyte = 1024 * 1024;
const streamBytes = 100 * mebibyte;
const microseconds = () => performance.now() * 1000;

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

const cpuMicroseconds = (from: Usage, to: Usage): number =>
  to.cpu.user + to.cpu.system - from.cpu.user - from.cpu.system;

/** Sends one request after the other. */
const sequential: Load = async ({ peer, path, durationMs, usage }) => {
  const client = await peer.connect(path, 1);
  const latencies: number[] = [];
  const measure = async (ms: number, requests: number) => {
    for (const end = microseconds() + ms * 1000; microseconds() < end && latencies.length < requests; ) {
      const start = microseconds();
      await client.request("echo", smallParams);
      latencies.push(microseconds() - start);
    }
  };
  await measure(warmUpMsMax, warmUpRequests);
  latencies.length = 0;
  const before = await usage();
  await measure(durationMs, Number.POSITIVE_INFINITY);
  const after = await usage();
  latencies.sort((a, b) => a - b);
  return {
    p50_us: quantile(latencies, 0.5),
    p99_us: quantile(latencies, 0.99),
    server_cpu_us: cpuMicroseconds(before, after) / latencies.length,
  };
};

/** Keeps a number of requests in flight on each of a number of connections. */
const saturated =
  (connections: number, inFlight: number): Load =>
  async ({ peer, path, durationMs, usage }) => {
    let done = 0;
    let isOver = false;
    const keepBusy = async (client: PeerClient) => {
      while (!isOver) {
        await client.request("echo", smallParams);
        done += 1;
      }
    };
    const workers: Promise<void>[] = [];
    for (let opened = 0; opened < connections; opened++) {
      const client = await peer.connect(path, inFlight);
      for (let worker = 0; worker < inFlight; worker++) workers.push(keepBusy(client));
    }
    for (const end = microseconds() + warmUpMsMax * 1000; done < warmUpRequests && microseconds() < end; )
      await sleep(20);
    const before = await usage();
    const start = microseconds();
    done = 0;
    await sleep(durationMs);
    const [requests, elapsed] = [done, microseconds() - start];
    const after = await usage();
    isOver = true;
    await Promise.all(workers);
    return {
      per_s: (requests / elapsed) * 1e6,
      server_cpu_us: cpuMicroseconds(before, after) / requests,
      server_rss_bytes: after.rss,
    };
  };

/** Uses one publisher and a hundred subscribers. The publisher keeps at most 32 undelivered events. */
const fanOut: Load = async ({ peer, path, durationMs, usage }) => {
  if (!peer.pushes) return undefined;
  const subscribers = 100;
  let received = 0;
  let published = 0;
  let isOver = false;
  for (let opened = 0; opened < subscribers; opened++) {
    const client = await peer.connect(path, 1);
    client.onEvent(() => {
      received += 1;
    });
    await client.request("subscribe", {});
  }
  const publisher = await peer.connect(path, 8);
  const keepPublishing = async () => {
    while (!isOver) {
      if ((published - 32) * subscribers > received) await nextTurn();
      else {
        published += 1;
        await publisher.request("publish", {});
      }
    }
  };
  const workers = Array.from({ length: 8 }, keepPublishing);
  for (const end = microseconds() + warmUpMsMax * 1000; published < warmUpEvents && microseconds() < end; )
    await sleep(20);
  const before = await usage();
  const [startCount, start] = [received, microseconds()];
  await sleep(durationMs);
  const [count, elapsed] = [received - startCount, microseconds() - start];
  const after = await usage();
  isOver = true;
  await Promise.all(workers);
  return { per_s: (count / elapsed) * 1e6, server_cpu_us: cpuMicroseconds(before, after) / count };
};

/** Echoes a 1 MiB string. */
const largePayload: Load = async ({ peer, path, durationMs }) => {
  const client = await peer.connect(path, 1);
  const repeat = async (ms: number) => {
    let rounds = 0;
    const start = microseconds();
    while (microseconds() < start + ms * 1000) {
      await client.request("echo", largeParams);
      rounds += 1;
    }
    return (rounds * 2) / ((microseconds() - start) / 1e6);
  };
  await repeat(warmUpMs);
  return { mib_per_s: await repeat(durationMs) };
};

/** Moves 100 MiB in one stream, and measures the largest growth of the server's memory meanwhile. */
const stream: Load = async ({ peer, path, usage }) => {
  const client = await peer.connect(path, 1);
  if (client.stream === undefined) return undefined;
  await client.stream(8 * mebibyte);
  const before = await usage();
  let rssMax = before.rss;
  const start = microseconds();
  let elapsed = 0;
  const streaming = client.stream(streamBytes).then((bytes) => {
    elapsed = microseconds() - start;
    if (bytes !== streamBytes) throw new Error(`${bytes} bytes came`);
  });
  while (elapsed === 0) {
    rssMax = Math.max(rssMax, (await usage()).rss);
    await Promise.race([streaming, sleep(50)]);
  }
  await streaming;
  return { mib_per_s: streamBytes / mebibyte / (elapsed / 1e6), server_growth_bytes: rssMax - before.rss };
};

/** Sends an event now and then on an idle server, and measures from the publisher's call to the subscriber. */
const idlePush: Load = async ({ peer, path, durationMs }) => {
  if (!peer.pushes) return undefined;
  const subscriber = await peer.connect(path, 1);
  const publisher = await peer.connect(path, 1);
  let arrived: () => void = () => undefined;
  subscriber.onEvent(() => arrived());
  await subscriber.request("subscribe", {});
  const latencies: number[] = [];
  for (const end = microseconds() + durationMs * 1000; microseconds() < end; ) {
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const start = microseconds();
    void publisher.request("publish", {});
    await arrival;
    latencies.push(microseconds() - start);
    await sleep(5);
  }
  latencies.sort((a, b) => a - b);
  return { p50_us: quantile(latencies, 0.5), p99_us: quantile(latencies, 0.99) };
};

export const loads: Readonly<Record<string, Load>> = {
  sequential,
  sequential_2_cores: sequential,
  pipelined_64: saturated(1, 64),
  clients_32: saturated(32, 1),
  fan_out_100: fanOut,
  payload_1_mib: largePayload,
  stream_100_mib: stream,
  idle_push: idlePush,
};

/** The processors of both ends of a load, when the scheduler does not choose them. */
export const placements: Readonly<Record<string, Placement>> = {
  sequential: "one processor",
  sequential_2_cores: "two processors",
};
