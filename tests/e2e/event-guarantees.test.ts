import { join } from "node:path";
import type { EventEnvelope } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { WireClient } from "../support/wire/wire-client.ts";

const daemonOptions = { engine: "process", flags: ["--set", "allow_unsandboxed=true"] } as const;

interface Push {
  readonly method?: string;
  readonly params: { readonly event?: EventEnvelope; readonly cursor?: number; readonly skipped_low?: number };
}

const pushesOf = ({ lines }: WireClient): Push[] => lines.map((line) => JSON.parse(line) as Push);

describe("what is guaranteed of events", () => {
  test("history and subscribers are notified of a gap: of deleted events, and of a cursor of another log", async () => {
    using temp = tempDirectory();
    const directories = { runtime: join(temp.path, "r"), state: join(temp.path, "s") };
    const channels = ["load.>"];
    let first = 0;
    {
      await using daemon = await startTestDaemon({ ...daemonOptions, directories });
      const text = "x".repeat(50_000);
      const publish = () => daemon.client.event.publish({ channel: "load.a", type: "load.made", data: { text } });
      first = (await publish()).seq;
      await Promise.all(Array.from({ length: 40 }, publish));
      const whole = await daemon.client.event.history({ channels, cursor: first - 1, limit: 1 });
      expect(whole).toMatchObject({ cursor_reset: false, has_more: true });
      expect(await daemon.client.event.history({ channels, cursor: 1_000_000_000 })).toMatchObject({
        cursor_reset: true,
      });
    }
    const flags = [...daemonOptions.flags, "--set", "events.retention_bytes=1048576"];
    await using daemon = await startTestDaemon({ ...daemonOptions, flags, directories });
    const { client } = daemon;
    const page = await until("the oldest to be forgotten", async () => {
      const history = await client.event.history({ channels, cursor: first - 1, limit: 1 });
      return history.cursor_reset && history;
    });
    expect(page.events[0]?.seq).toBeGreaterThan(first);
    const gaps: { after: number; resumedAt: number }[] = [];
    await using subscription = client.subscribe(
      { channels, cursor: first - 1 },
      { onGap: (gap) => void gaps.push(gap) },
    );
    await subscription.ready;
    expect(gaps).toMatchObject([{ after: first - 1 }]);
    expect(gaps[0]?.resumedAt).toBeGreaterThanOrEqual(first);
  }, 60_000);

  test("filters by priority, source, type and data; an event is not delivered after its ttl; the correlation id is kept", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    const { client } = daemon;
    const publish = (params: object) => client.event.publish({ channel: "a.b", type: "a.b", ...params });
    const seen = async (filter: object) =>
      (await client.event.history({ channels: ["a.>"], filter })).events.map(({ data }) => data["n"]);
    const asked = await publish({ data: { n: 1, who: { name: "ann" } }, priority: "low" });
    await publish({ data: { n: 2 }, priority: "high", correlation_id: asked.id });
    await publish({ data: { n: 3, who: { name: "ann" } }, type: "a.c" });
    expect(await seen({ min_priority: "high" })).toEqual([2]);
    expect(await seen({ types: ["a.c"] })).toEqual([3]);
    expect(await seen({ data: { "who.name": "ann" } })).toEqual([1, 3]);
    expect(await seen({ source: "user:0" })).toEqual([1, 2, 3]);
    expect(await seen({ source: "agent:none-1" })).toEqual([]);
    await using follower = client.subscribe({ channels: ["a.>"], filter: { min_priority: "high" }, cursor: 0 });
    const { value } = await follower[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ correlation_id: asked.id, priority: "high", source: "user:0" });
    const brief = await publish({ data: { n: 4 }, ttl_ms: 1 });
    const lasting = await publish({ data: { n: 5 }, ttl_ms: 60_000 });
    await until("the brief one is over", async () => !(await seen({})).includes(4));
    await using late = client.subscribe({ channels: ["a.>"], name: "late", cursor: brief.seq - 1 });
    const next = await late[Symbol.asyncIterator]().next();
    expect(next.value?.seq).toBe(lasting.seq);
  });

  test("an event is the same line on every connection, and a connection cannot use one subscription name twice", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    await using first = await WireClient.open(daemon.socket);
    await using second = await WireClient.open(daemon.socket);
    const subscribe = async (reader: WireClient) =>
      ((await reader.call("event.subscribe", { channels: ["a.>"] })).result as { subscription_id: string })
        .subscription_id;
    const ids = [await subscribe(first), await subscribe(first), await subscribe(second)];
    expect(ids).toEqual(["s1", "s2", "s1"]);
    await first.call("event.unsubscribe", { subscription_id: "s1" });
    expect(await subscribe(first)).toBe("s3");
    await subscribe(second);
    await daemon.client.event.publish({ channel: "a.b", type: "a.b", data: { name: "ä" } });
    const pushed = async (reader: WireClient, id: string) => {
      const isIt = (line: string) => line.includes("event.push") && line.includes(`"subscription_id":"${id}"`);
      await reader.until(() => reader.lines.some(isIt), `the event for ${id}`);
      return reader.lines.filter(isIt);
    };
    const lines = await pushed(first, "s2");
    expect(lines).toHaveLength(1);
    expect(await pushed(second, "s2")).toEqual(lines);
    const [other = ""] = await pushed(second, "s1");
    expect(JSON.parse(other).params.event).toEqual(JSON.parse(lines[0] ?? "").params.event);
  });

  test("a subscriber with a window gets no more events than the window before it acknowledges", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    for (const name of [undefined, "careful"]) {
      await using reader = await WireClient.open(daemon.socket);
      const params = { channels: ["a.>"], unacked_max: 3, ...(name === undefined ? {} : { name }) };
      const { result } = await reader.call("event.subscribe", params);
      const { subscription_id } = result as { subscription_id: string };
      const seqs: number[] = [];
      for (let n = 0; n < 9; n++)
        seqs.push((await daemon.client.event.publish({ channel: "a.b", type: "a.b", data: { n } })).seq);
      const pushed = () => pushesOf(reader).flatMap(({ params: { event } = {} }) => event?.seq ?? []);
      await until("what the credit allows", () => pushed().length === 3);
      await daemon.client.rpc.ping();
      expect(pushed()).toEqual(seqs.slice(0, 3));
      reader.send(
        JSON.stringify({ jsonrpc: "2.0", id: 2, method: "event.ack", params: { subscription_id, cursor: seqs[1] } }),
      );
      await until("two more", () => pushed().length === 5);
      await daemon.client.rpc.ping();
      expect(pushed()).toEqual(seqs.slice(0, 5));
    }
  });

  test("a reader that is behind gets critical events first and a notice of dropped low ones; nothing else is lost", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    await using reader = await WireClient.open(daemon.socket);
    await reader.call("event.subscribe", { channels: ["a.>"] });
    reader.socket.pause();
    const text = "x".repeat(4_000);
    const publish = (priority: "low" | "normal" | "critical", n: number) =>
      daemon.client.event.publish({ channel: "a.b", type: "a.b", priority, data: { n, text } });
    const normal: number[] = [];
    for (let burst = 0; burst < 10; burst++) {
      const made = Array.from({ length: 100 }, (_, n) => publish("normal", burst * 100 + n));
      normal.push(...(await Promise.all(made)).map(({ seq }) => seq));
    }
    await Promise.all(Array.from({ length: 50 }, (_, n) => publish("low", n)));
    const alarm = await publish("critical", 0);
    reader.socket.resume();
    const events = () => pushesOf(reader).filter(({ method }) => method === "event.push");
    const of = (priority: string) =>
      events().flatMap(({ params: { event } }) => (event?.priority === priority ? [event.seq] : []));
    const gap = await until("the notice of dropped events", () =>
      pushesOf(reader).find(({ method }) => method === "event.gap"),
    );
    expect(of("normal")).toEqual(normal);
    expect(of("critical")).toEqual([alarm.seq]);
    expect((gap.params.skipped_low ?? 0) + of("low").length).toBe(50);
    const order = events().map(({ params: { event } }) => event?.seq);
    expect(order.indexOf(alarm.seq)).toBeLessThan(order.length - 1);
    expect(events().find(({ params: { event } }) => event?.seq === alarm.seq)?.params.cursor).toBeLessThan(alarm.seq);
  });
});

test("progress is drawn as a bar while a task runs", async () => {
  await using daemon = await startTestDaemon(daemonOptions);
  const publish = (progress: number) =>
    daemon.client.event.publish({
      channel: "work.copy",
      type: "copy.progress",
      data: { progress, message: "Copying" },
    });
  for (const progress of [0.25, 1]) await publish(progress);
  const { stdout } = await daemon.cli(["events", "--channel", "work.>"]);
  expect(stdout).toContain(`${"█".repeat(5)}${"░".repeat(15)}  25 % Copying`);
  expect(stdout).toContain(`${"█".repeat(20)} 100 % Copying`);
});
