import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { type PagerAnswer, startPager } from "../support/matrix/pager.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

/** A bridge whose alerts of the type `test.fire` go to the listener. */
function options(url: string, directory: string, alerts = "") {
  const config = join(directory, "armorclaw.toml");
  writeFileSync(
    config,
    `[alerts]\noff = ["bridge-interrupted"]\n${alerts}[webhooks]\npager = "${url}"
[[alerts.to]]\ndestination = "webhook"\nlane = "pager"
[[alerts.rules]]\nname = "fire"\ntypes = ["test.fire"]\nseverity = "critical"\nkey = "{n}"\ntext = "fire {n}"
[[alerts.rules]]\nname = "smoke"\ntypes = ["test.smoke"]\nseverity = "warning"\nkey = "{n}"\ntext = "smoke {n}"\n`,
  );
  const directories = { runtime: join(directory, "r"), state: join(directory, "s") };
  const flags = ["--config", config, "--set", "allow_unsandboxed=true"];
  return { engine: "process" as const, flags, directories };
}

test("a webhook gets every message in order, each under one key, over a requested wait, failures and kill -9", async () => {
  const troubles: Record<number, PagerAnswer> = {
    1: { status: 429, headers: { "retry-after": "2" } },
    3: { status: 503 },
    4: { status: 429, headers: { "retry-after": new Date(Date.now() + 3_000).toUTCString() } },
    6: { status: 500 },
  };
  await using pager = await startPager((nth) => troubles[nth]);
  const taken = () => pager.told.filter(({ isTaken }) => isTaken);
  using temp = tempDirectory();
  const daemonOptions = options(`${pager.url}/`, temp.path);
  const texts = Array.from({ length: 6 }, (_, n) => `fire ${n}`);
  {
    await using daemon = await startTestDaemon(daemonOptions);
    for (const n of texts.keys())
      await daemon.client.event.publish({ channel: "house.kitchen", type: "test.fire", data: { n } });
    await until("the first is taken", () => taken().length > 0, 30_000);
    await daemon.end("SIGKILL");
  }
  await using daemon = await startTestDaemon(daemonOptions);
  await until("all are taken", () => taken().length >= texts.length, 60_000);
  await until("the queue to be empty", async () => {
    const { messages } = await daemon.client.queue.list({});
    return messages.every(({ state }) => state === "sent");
  });
  const [first, second] = pager.told;
  expect(second).toMatchObject({ text: first?.text, key: first?.key });
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_900);
  // A receiver that remembers keys accepts each message once, and in order.
  const byKey = new Map(taken().map(({ key, text }) => [key, text]));
  expect([...byKey.values()]).toEqual(texts);
  const keysOf = (text: string) => new Set(pager.told.filter((one) => one.text === text).map(({ key }) => key)).size;
  expect(texts.map(keysOf)).toEqual(texts.map(() => 1));
  process.stderr.write(`webhook: ${pager.told.length} requests for ${texts.length} messages, ${byKey.size} taken\n`);
}, 120_000);

test("with the default digest the first alert that can wait is sent at once, the next are grouped, and a critical one does not wait", async () => {
  await using pager = await startPager();
  using temp = tempDirectory();
  await using daemon = await startTestDaemon(options(`${pager.url}/`, temp.path));
  const publish = (type: string, n: number) =>
    daemon.client.event.publish({ channel: "house.kitchen", type, data: { n } });
  const texts = () => pager.told.map(({ text }) => text);
  await publish("test.smoke", 1);
  await until("the first", () => texts().includes("smoke 1"));
  for (const n of [2, 3]) await publish("test.smoke", n);
  await publish("test.fire", 4);
  await until("the critical one", () => texts().includes("fire 4"));
  expect(texts().some((text) => text.includes("smoke 2"))).toBe(false);
}, 60_000);
