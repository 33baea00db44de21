import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { connect } from "@armorclaw/client-sdk";
import type { EventEnvelope } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { startPager } from "../support/matrix/pager.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const daemonOptions = { engine: "process", flags: ["--set", "allow_unsandboxed=true"] } as const;

describe("events through the daemon", () => {
  test("that do not fit in one answer come on shorter pages, and none is left out", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    const text = "y".repeat(250_000);
    const published: number[] = [];
    for (let n = 0; n < 70; n++)
      published.push((await daemon.client.event.publish({ channel: "t.a", type: "t.big", data: { text } })).seq);
    const seen: number[] = [];
    let cursor = 0;
    for (let hasMore = true; hasMore; ) {
      const page = await daemon.client.event.history({ channels: ["t.a"], cursor, limit: 1_000 });
      expect(page.events.length).toBeLessThan(40);
      seen.push(...page.events.map(({ seq }) => seq));
      ({ cursor, has_more: hasMore } = page);
    }
    expect(seen).toEqual(published);
    const newest = await daemon.client.event.history({ channels: ["t.a"], newest: true, limit: 1_000 });
    expect([newest.events.at(-1)?.seq, newest.has_more]).toEqual([published.at(-1), true]);
  }, 60_000);

  test("on a rare channel are found behind thousands of newer ones", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    await daemon.client.event.publish({ channel: "ops.pager", type: "ops.paged", data: {}, priority: "critical" });
    const publish = (n: number) => daemon.client.event.publish({ channel: "noise.n", type: "noise.made", data: { n } });
    for (let sent = 0; sent < 5_500; sent += 500)
      await Promise.all(Array.from({ length: 500 }, (_, index) => publish(sent + index)));
    for (const flags of [
      ["--channel", "ops.>"],
      ["--type", "ops.paged"],
      ["--min-priority", "critical"],
    ])
      expect((await daemon.cli(["events", ...flags])).stdout).toContain("ops.paged");
    const page = await daemon.client.event.history({ channels: ["noise.>"], before: 4_000, limit: 2 });
    expect([page.events.length, page.has_more, page.before]).toEqual([2, true, page.events[0]?.seq]);
  }, 60_000);

  test("outlive a kill: history, seq and a durable subscription go on where they were", async () => {
    using temp = tempDirectory();
    const directories = { runtime: join(temp.path, "r"), state: join(temp.path, "s") };
    const seen: number[] = [];
    let last = 0;
    {
      await using daemon = await startTestDaemon({ ...daemonOptions, directories });
      await using subscription = daemon.client.subscribe({ channels: ["load.>"], name: "pager" });
      await subscription.ready;
      for (let n = 1; n <= 5; n++) {
        last = (await daemon.client.event.publish({ channel: "load.a", type: "load.made", data: { n } })).seq;
      }
      for await (const event of subscription) {
        seen.push(Number(event.data["n"]));
        if (seen.length === 3) {
          await subscription.ack(event);
          break;
        }
      }
      await daemon.end("SIGKILL");
    }
    await using daemon = await startTestDaemon({ ...daemonOptions, directories });
    const { client } = daemon;
    const { consumers } = await client.event.consumers();
    expect(consumers).toContainEqual(expect.objectContaining({ owner: "user:0", name: "pager", connected: false }));
    expect((await client.event.publish({ channel: "load.a", type: "load.made", data: { n: 6 } })).seq).toBeGreaterThan(
      last,
    );
    await using subscription = client.subscribe({ channels: ["load.>"], name: "pager" });
    for await (const event of subscription) {
      seen.push(Number(event.data["n"]));
      await subscription.ack(event);
      if (event.data["n"] === 6) break;
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
    const { events } = await client.event.history({ channels: [">"], filter: { types: ["bridge.interrupted"] } });
    expect(events).toHaveLength(1);
  });

  test("filters by data, refuses reserved types, and reports what a delivery is", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    const { client } = daemon;
    await using subscription = client.subscribe({ channels: ["a.>"], filter: { data: { "who.name": "ann" } } });
    await subscription.ready;
    for (const name of ["bob", "ann"])
      await client.event.publish({ channel: "a.b", type: "a.b", data: { who: { name } } });
    const { value } = await subscription[Symbol.asyncIterator]().next();
    expect(value?.data).toEqual({ who: { name: "ann" } });
    for (const type of ["alert.raised", "queue.dead", "task.done", "agent.message"]) {
      await expect(client.event.publish({ channel: "a.b", type })).rejects.toMatchObject({ code: "FORBIDDEN" });
    }
    const wrong = client.event.subscribe({ channels: [">"], delivery: "at-least-once" });
    await expect(wrong).rejects.toMatchObject({ code: "INVALID_PARAMS" });
    await expect(client.event.ack({ subscription_id: "s99", cursor: 0 })).rejects.toMatchObject({
      code: "SUBSCRIPTION_NOT_FOUND",
    });
  });

  test("an event that is not acknowledged becomes a dead letter, which a person can redeliver or delete", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    const { client } = daemon;
    const params = { channels: ["a.>"], name: "slow", ack_deadline_ms: 100, attempts_max: 2 };
    await using subscription = client.subscribe(params);
    await subscription.ready;
    await client.event.publish({ channel: "a.b", type: "a.b", data: { n: 1 } });
    const [letter] = await until("the dead letter", async () => {
      const { dead_letters } = await client.event.dead_letters();
      return dead_letters.length > 0 && dead_letters;
    });
    expect(letter).toMatchObject({ owner: "user:0", name: "slow", attempts: 2, event: { data: { n: 1 } } });
    const events: EventEnvelope[] = [];
    const reading = (async () => {
      for await (const event of subscription) events.push(event);
    })().catch(() => undefined);
    const dead_letter_id = letter?.dead_letter_id ?? 0;
    await client.event.redeliver({ dead_letter_id });
    await until("its return", () => events.some(({ correlation_id }) => correlation_id === letter?.event.id));
    await expect(client.event.discard({ dead_letter_id })).rejects.toMatchObject({ code: "DEAD_LETTER_NOT_FOUND" });
    await client.event.forget({ name: "slow" });
    await reading;
    await expect(client.event.forget({ name: "slow" })).rejects.toMatchObject({ code: "SUBSCRIPTION_NOT_FOUND" });
  });

  test("the command line follows durably, and resumes at its position", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    const { client } = daemon;
    const publish = (n: number) => client.event.publish({ channel: "a.b", type: "a.b", data: { n } });
    const numbers = (text: string) => [...text.matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n));
    const follow = () => daemon.follow(["events", "--durable", "cli", "--channel", "a.>", "--json"]);
    const first = follow();
    await until("the subscription", async () =>
      (await client.event.consumers()).consumers.some((c) => c.name === "cli"),
    );
    await publish(1);
    await publish(2);
    await until("both", () => numbers(first.output.stdout).length === 2);
    first.child.kill("SIGINT");
    await first.finished;
    await publish(3);
    const second = follow();
    await until("the rest", () => numbers(second.output.stdout).length > 0);
    second.child.kill("SIGINT");
    await second.finished;
    expect(numbers(first.output.stdout)).toEqual([1, 2]);
    expect(numbers(second.output.stdout)).toEqual([3]);
  });
});

describe("tasks and the outbox through the daemon", () => {
  test("a failed delivery is reported at once by the other route, and an operator manages the queue", async () => {
    await using server = await startPager((_, path) => (path === "/pager" ? undefined : { status: 404 }));
    const isTold = (words: string) => server.told.some(({ text, isTaken }) => isTaken && text.includes(words));
    using temp = tempDirectory();
    const config = join(temp.path, "armorclaw.toml");
    const route = (lane: string) =>
      `[[alerts.to]]\ndestination = "webhook"\nlane = "${lane}"\nmin_severity = "critical"\n`;
    writeFileSync(
      config,
      `[webhooks]\npager = "${server.url}/pager"\ngone = "${server.url}/gone"\n${route("pager")}${route("gone")}
[[alerts.rules]]\nname = "fire"\ntypes = ["test.fire"]\nseverity = "critical"\ntext = "Fire in {place}"\n`,
    );
    await using daemon = await startTestDaemon({
      ...daemonOptions,
      flags: [...daemonOptions.flags, "--config", config],
    });
    const { client } = daemon;
    const begun = performance.now();
    await client.event.publish({ channel: "house.kitchen", type: "test.fire", data: { place: "the kitchen" } });
    await until("the alarm", () => isTold("Fire in the kitchen"));
    process.stderr.write(`event to webhook ${Math.round(performance.now() - begun)} ms\n`);
    await until("the alert of the failed delivery", () => isTold("could not be delivered: gone answered 404"));
    const dead = await daemon.cli(["queue", "ls", "--state", "dead", "--json"]);
    expect(dead.stderr).toBe("");
    const { messages } = JSON.parse(dead.stdout) as { messages: { message_id: number; lane: string }[] };
    expect(messages[0]).toMatchObject({ lane: "gone", attempts: 1 });
    const id = String(messages[0]?.message_id);
    expect((await daemon.cli(["queue", "retry", id])).code).toBe(0);
    await until("the second refusal", async () => {
      const again = await client.queue.list({ state: "dead" });
      return again.messages.find(({ message_id }) => String(message_id) === id)?.attempts === 2;
    });
    expect((await daemon.cli(["queue", "drop", id])).code).toBe(0);
    expect((await daemon.cli(["queue", "drop", id])).code).toBe(3);
  });

  test("a person is alerted within seconds of an agent that is killed", async () => {
    await using pager = await startPager();
    const to = JSON.stringify([{ destination: "webhook", lane: "pager" }]);
    await using daemon = await startTestDaemon({
      ...daemonOptions,
      flags: [...daemonOptions.flags, "--set", `webhooks.pager=${pager.url}`, "--set", `alerts.to=${to}`],
      start: ["heartbeat"],
    });
    const pid = await until("the agent", async () => (await daemon.client.agent.get({ agent_id: "heartbeat-1" })).pid);
    const begun = performance.now();
    process.kill(pid, "SIGKILL");
    const { text, at } = await until("the alert", () => pager.told[0]);
    expect(text).toMatch(/^heartbeat-1 exited unexpectedly: /);
    process.stderr.write(`agent death to webhook ${Math.round(at - begun)} ms\n`);
  });

  test("a task is created, listed and deleted; one for nobody is refused", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    const { client } = daemon;
    const { task } = await client.task.create({ title: "Sort", capability: "mail" });
    expect((await client.task.list({ state: "queued" })).tasks).toMatchObject([
      { task_id: task.task_id, title: "Sort" },
    ]);
    const nobody = client.task.create({ title: "Sort", agent_id: "none-1" });
    await expect(nobody).rejects.toMatchObject({ code: "AGENT_NOT_FOUND" });
    await expect(client.task.assign({ task_id: 99, agent_id: "none-1" })).rejects.toMatchObject({
      code: "AGENT_NOT_FOUND",
    });
    await client.task.delete({ task_id: task.task_id });
    await expect(client.task.delete({ task_id: task.task_id })).rejects.toMatchObject({ code: "TASK_NOT_FOUND" });
    await expect(client.agent.send({ agent_id: "none-1" })).rejects.toMatchObject({ code: "AGENT_NOT_FOUND" });
  });

  test("100 subscribers get every event although one of them never reads", async () => {
    await using daemon = await startTestDaemon(daemonOptions);
    const clients = await Promise.all(
      Array.from({ length: 100 }, () => connect({ socketPath: daemon.socket, reconnect: false })),
    );
    const subscriptions = clients.map((client) => client.subscribe({ channels: ["a.>"] }, { queueMax: 100_000 }));
    await Promise.all(subscriptions.map(({ ready }) => ready));
    const reading = subscriptions.map(async (subscription) => {
      let count = 0;
      for await (const _ of subscription) if (++count === 2_000) break;
      return count;
    });
    const mute = createConnection(daemon.socket);
    mute.write(`{"jsonrpc":"2.0","id":1,"method":"event.subscribe","params":{"channels":["a.>"]}}\n`);
    await once(mute, "data");
    mute.pause();
    const text = "x".repeat(1_000);
    const rssBefore = (await daemon.client.bridge.status()).memory_bytes;
    for (let i = 0; i < 20; i++) {
      await Promise.all(
        Array.from({ length: 100 }, () => daemon.client.event.publish({ channel: "a.b", type: "a.b", data: { text } })),
      );
    }
    const counts = await Promise.all(reading);
    const rss = (await daemon.client.bridge.status()).memory_bytes;
    process.stderr.write(`100 readers and one that never reads: rss ${rssBefore >> 20} -> ${rss >> 20} MiB\n`);
    expect(counts.every((count) => count === 2_000)).toBe(true);
    mute.destroy();
    await Promise.all(clients.map((client) => client.close()));
  });
});
