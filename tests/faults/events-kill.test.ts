import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type BridgeClient, createClient } from "@armorclaw/client-sdk";
import { expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { startPager } from "../support/matrix/pager.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const kills = Number(process.env["ARMORCLAW_TEST_EVENT_KILLS"] ?? 8);
const publishers = 3;
const subscribers = 3;
const reconnect = { initialMs: 20, maxMs: 100 };

/** Publishes numbered events on its own channel until it is stopped; every tenth raises an alert. */
class Publisher {
  readonly acked: number[] = [];
  readonly alarms: number[] = [];
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(client: BridgeClient, id: number) {
    this.#done = this.#run(client, id);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(client: BridgeClient, id: number): Promise<void> {
    for (let n = 0; !this.#isStopped; n++) {
      const isAlarm = n % 10 === 0;
      const type = isAlarm ? "load.alarm" : "load.made";
      try {
        await client.event.publish({ channel: `load.${id}`, type, data: { id, n } });
        (isAlarm ? this.alarms : this.acked).push(n);
        if (isAlarm) this.acked.push(n);
      } catch {
        // The event was not acknowledged, so it may be lost or stored.
        await sleep(10);
      }
    }
  }
}

/** Reads events durably: once an ack is answered, it never checks the acknowledged events again. */
class Reader {
  readonly seqs: number[] = [];
  readonly byPublisher = new Map<number, Set<number>>();
  readonly #client: BridgeClient;
  readonly #done: Promise<void>;

  constructor(socketPath: string, name: string) {
    this.#client = createClient({ socketPath, reconnect });
    this.#done = this.#run(name);
  }

  async stop(): Promise<void> {
    await this.#client.close();
    await this.#done;
  }

  async #run(name: string): Promise<void> {
    const subscription = this.#client.subscribe({ channels: ["load.>"], name, cursor: 0 });
    try {
      for await (const event of subscription) {
        this.seqs.push(event.seq);
        const { id, n } = event.data as { id: number; n: number };
        const seen = this.byPublisher.get(id) ?? new Set();
        this.byPublisher.set(id, seen.add(n));
        if (event.seq % 7 === 0) await subscription.ack(event).catch(() => undefined);
      }
    } catch {
      // The client was closed.
    }
  }
}

/** A repeated seq was seen before: a new event never has a lower seq than a seen one. */
function assertInOrder(seqs: readonly number[]): number {
  const seen = new Set<number>();
  let newest = 0;
  for (const seq of seqs) {
    if (!seen.has(seq)) expect(seq).toBeGreaterThan(newest);
    newest = Math.max(newest, seq);
    seen.add(seq);
  }
  return seqs.length - seen.size;
}

test(
  `${kills} times kill -9 under load: durable subscribers get every acknowledged event in order, and each effect happens once`,
  async () => {
    await using pager = await startPager();
    using temp = tempDirectory();
    const config = join(temp.path, "armorclaw.toml");
    writeFileSync(
      config,
      `[alerts]\noff = ["bridge-interrupted"]\n[webhooks]\npager = "${pager.url}"
[[alerts.to]]\ndestination = "webhook"\nlane = "pager"\nmin_severity = "critical"
[[alerts.rules]]\nname = "load"\ntypes = ["load.alarm"]\nseverity = "critical"\nkey = "{id} {n}"\ntext = "{id} {n}"\n`,
    );
    const directories = { runtime: join(temp.path, "r"), state: join(temp.path, "s") };
    const options = {
      engine: "process" as const,
      flags: ["--set", "allow_unsandboxed=true", "--config", config],
      directories,
    };
    let daemon = await startTestDaemon(options);
    const clients = Array.from({ length: publishers }, () => createClient({ socketPath: daemon.socket, reconnect }));
    const load = clients.map((client, id) => new Publisher(client, id));
    const readers = Array.from({ length: subscribers }, (_, i) => new Reader(daemon.socket, `reader-${i}`));
    for (let kill = 0; kill < kills; kill++) {
      await sleep(100 + ((kill * 137) % 400));
      await daemon.end("SIGKILL");
      await daemon.client.close();
      daemon = await startTestDaemon(options);
    }
    await sleep(300);
    await Promise.all(load.map((publisher) => publisher.stop()));
    const acked = load.flatMap(({ acked }, id) => acked.map((n) => ({ id, n })));
    for (const reader of readers) {
      await until("every acknowledged event", () =>
        acked.every(({ id, n }) => reader.byPublisher.get(id)?.has(n) === true),
      );
    }
    const alarms = load.flatMap(({ alarms }, id) => alarms.map((n) => `${id} ${n}`));
    const keysOf = () => Map.groupBy(pager.told, ({ text }) => text);
    await until(
      "every alarm",
      () => {
        const told = keysOf();
        return alarms.every((text) => told.has(text));
      },
      60_000,
    );
    const repeats = readers.map(({ seqs }) => assertInOrder(seqs));
    const twice = [...keysOf()].filter(([, told]) => new Set(told.map(({ key }) => key)).size !== 1);
    process.stderr.write(
      `${kills} kills: ${acked.length} acknowledged events, 0 lost, redelivered ${repeats.join(", ")}; ${alarms.length} alarms, ${twice.length} twice\n`,
    );
    expect(twice).toEqual([]);
    expect(acked.length).toBeGreaterThan(kills * 10);
    await Promise.all([...readers.map((reader) => reader.stop()), ...clients.map((client) => client.close())]);
    await daemon[Symbol.asyncDispose]();
  },
  60_000 + kills * 6_000,
);
