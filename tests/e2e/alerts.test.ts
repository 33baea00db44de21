import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { startPager } from "../support/pager.ts";
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
async function startAlerting(settings: string) {
  const temp = tempDirectory();
  const pager = await startPager();
  const config = join(temp.path, "config.toml");
  writeFileSync(config, `[webhooks]\npager = "${pager.url}/"\n[alerts]\n${settings}\n${rules}\n`);
  const daemon = await startTestDaemon({ engine: "process", flags: ["--config", config] });
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

test("what can wait is told together, what is over is said, and what was not told yet is taken back", async () => {
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
  await until("the end of it", () => told().at(-1) === "Over: Look at the door", 30_000);
}, 90_000);

test("in quiet hours only what is critical is told, such as a disk that fills up", async () => {
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

test("a watcher outside hears the pulse, and a person hears when the watcher does not answer, and again", async () => {
  await using watcher = await startPager();
  await using bridge = await startAlerting(`digest_ms = 0\npulse_url = "${watcher.url}/pulse"\npulse_every_ms = 1000`);
  await until("two pulses", () => watcher.told.filter(({ path }) => path === "/pulse").length >= 2);
  watcher.status = 500;
  await until(
    "word of it",
    () => bridge.told().some((text) => text.startsWith("The watcher of the bridge's pulse")),
    30_000,
  );
  watcher.status = 200;
  await until("word of its return", () => bridge.told().some((text) => text.startsWith("Over: The watcher")), 30_000);
  await bridge.daemon.end("SIGKILL");
  const pulses = watcher.told.length;
  await until("the silence", () => performance.now() - (watcher.told.at(-1)?.at ?? 0) > 2500);
  expect(watcher.told).toHaveLength(pulses);
}, 90_000);
