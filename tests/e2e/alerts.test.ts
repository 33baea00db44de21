import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemonOptions } from "../support/daemon.ts";
import { startPager } from "../support/matrix/pager.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const rules = `[[alerts.rules]]
  name = "note"
  types = ["test.note"]
  key = "{place}"
  text = "Look at {place}"
  recovered_by = ["test.fine"]
  [[alerts.rules]]
  name = "fire"
  types = ["test.fire"]
  severity = "critical"
  text = "Fire in {place}"
  [[alerts.to]]
  destination = "webhook"
  lane = "pager"`;

/** A bridge whose alerts go to a pager. */
async function startAlerting(settings: string, { flags = [], ...options }: Partial<TestDaemonOptions> = {}) {
  const temp = tempDirectory();
  const pager = await startPager();
  const config = join(temp.path, "config.toml");
  writeFileSync(config, `[webhooks]\npager = "${pager.url}/"\n[alerts]\n${settings}\n${rules}\n`);
  const daemon = await startTestDaemon({ engine: "process", ...options, flags: ["--config", config, ...flags] });
  return {
    daemon,
    told: () => pager.told.map(({ text }) => text),
    say: (type: string, place: string) => daemon.client.event.publish({ channel: "house.x", type, data: { place } }),
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      await pager[Symbol.asyncDispose]();
      temp[Symbol.dispose]();
    },
  };
}

test("alerts that can wait are sent together, recoveries are sent, and alerts that recover before they are sent are dropped", async () => {
  await using bridge = await startAlerting("digest_ms = 6000");
  const { told, say } = bridge;
  await say("test.note", "the door");
  await until("the first", () => told().length === 1);
  for (const place of ["the roof", "the cellar", "the garden"]) await say("test.note", place);
  await say("test.note", "the roof");
  await say("test.fine", "the garden");
  await say("test.fire", "the kitchen");
  await until("what is critical", () => told().includes("Fire in the kitchen"));
  await until("the digest", () => told().length === 3, 30_000);
  expect(told()).toEqual([
    "Look at the door",
    "Fire in the kitchen",
    "2 alerts:\n- Look at the roof\n- Look at the cellar",
  ]);
  await say("test.fine", "the door");
  await until("the end of it", () => told().at(-1) === "Resolved: Look at the door", 30_000);
}, 90_000);

test("in quiet hours only critical alerts are sent, for example of a full disk", async () => {
  const time = (inHours: number) => new Date(Date.now() + inHours * 3_600_000).toISOString().slice(11, 16);
  const quiet = `quiet_hours = { from = "${time(-1)}", to = "${time(1)}" }`;
  await using bridge = await startAlerting(`${quiet}\ndisk_free_bytes_min = ${2 ** 52}`);
  const { told, say, daemon } = bridge;
  await say("test.note", "the door");
  await say("test.fire", "the kitchen");
  await until("both", () => told().length === 2);
  expect(told().toSorted()).toEqual(["Fire in the kitchen", expect.stringMatching(/^The disk has \d+ bytes left$/)]);
  const { events } = await daemon.client.event.history({ channels: [">"], filter: { types: ["alert.raised"] } });
  expect(events.map(({ data }) => data["rule"]).toSorted()).toEqual(["disk-low", "fire", "note"]);
}, 60_000);

test("an external watcher receives the pulse, and an alert reports when the watcher does not answer and when it is back", async () => {
  await using watcher = await startPager();
  await using bridge = await startAlerting(`digest_ms = 0\npulse_url = "${watcher.url}/pulse"\npulse_every_ms = 1000`);
  await until("two pulses", () => watcher.told.filter(({ path }) => path === "/pulse").length >= 2);
  watcher.status = 500;
  await until(
    "the alert of its loss",
    () => bridge.told().some((text) => text.startsWith("The watcher of the bridge's pulse")),
    30_000,
  );
  watcher.status = 200;
  await until(
    "the alert of its return",
    () => bridge.told().some((text) => text.startsWith("Resolved: The watcher")),
    30_000,
  );
  await bridge.daemon.end("SIGKILL");
  const pulses = watcher.told.length;
  await until("the silence", () => performance.now() - (watcher.told.at(-1)?.at ?? 0) > 2500);
  // One pulse may have been in flight.
  expect(watcher.told.length).toBeLessThanOrEqual(pulses + 1);
}, 90_000);

test("the default rules report an agent that hangs and its return, and an agent that fails repeatedly", async () => {
  const set = ["--set", "agents.hang_after_ms=2000", "--set", "restart.failures_max=2"];
  await using bridge = await startAlerting("digest_ms = 0", { start: ["heartbeat"], flags: set });
  const { told, daemon } = bridge;
  const signal = (name: NodeJS.Signals, epoch: number) =>
    until(`${name} to start ${epoch}`, async () => {
      const agent = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
      if (agent.state !== "running" || agent.epoch !== epoch || agent.pid === null) return false;
      return process.kill(agent.pid, name);
    });
  await signal("SIGSTOP", 1);
  const hang = /^heartbeat-1 sent no heartbeat for \d+ ms$/;
  await until("the hang", () => told().some((text) => hang.test(text)), 30_000);
  await until("its return", () =>
    told().some((text) => hang.test(text.replace(/^Resolved: /, "")) && !hang.test(text)),
  );
  await signal("SIGKILL", 2);
  const failure = /^heartbeat-1 failed and is not started again: /;
  await until("the failure", () => told().some((text) => failure.test(text)), 30_000);
  await daemon.client.agent.restart({ agent_id: "heartbeat-1" });
  await until("its end", () => told().some((text) => text.startsWith("Resolved: heartbeat-1 failed")), 30_000);
  expect(told().filter((text) => failure.test(text) || hang.test(text))).toHaveLength(2);
}, 90_000);

test("the default rules report each threshold of a budget once, and its end", async () => {
  await using bridge = await startAlerting("digest_ms = 0");
  const { told, daemon } = bridge;
  const { budget } = daemon.client;
  await budget.set({ scope: "global", window: "day", unit: "cost_nano_usd", hard: 1_000_000_000 });
  const spend = async (cost: number) => {
    const { reservation_id } = await budget.reserve({ cost_nano_usd: cost });
    await budget.settle({ reservation_id, cost_nano_usd: cost });
  };
  await spend(600_000_000);
  await until("the alert at half of the budget", () => told().length === 1, 30_000);
  await spend(400_000_000);
  await expect(spend(1)).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
  const used = (level: number, spent: number) =>
    `Spending of global per day reached its threshold ${level}: $${(spent / 10).toFixed(2)} of $1.00`;
  const expected = [used(50, 6), used(80, 10), used(95, 10), "The budget of global is used up (budget.exhausted)"];
  const lines = () => told().flatMap((text) => text.split("\n- "));
  await until("the other alerts", () => expected.every((text) => lines().includes(text)), 30_000);
  for (const text of expected) expect(lines().filter((line) => line === text)).toHaveLength(1);
}, 60_000);
