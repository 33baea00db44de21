import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AnyMethod, methods } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { agentCall, asAgent } from "../support/engines/agent-line.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { unixFetch } from "../support/wire/unix-fetch.ts";

const canaries = Array.from(
  { length: 40 },
  (_, number) => `sk-CANARY${number}-${"0123456789abcdef".repeat(2)}-${number}`,
);
/** A canary in plain text, in hexadecimal and in base64 at each of its three offsets, without the characters at both ends. */
const shapes = canaries.flatMap((canary) => {
  const base64 = [0, 1, 2].map((shift) => Buffer.from("x".repeat(shift) + canary).toString("base64"));
  return [canary, Buffer.from(canary).toString("hex"), ...base64.map((text) => text.slice(4, -4))];
});

/** Returns where the bytes contain a canary, in any of the encodings. */
const hitsIn = (bytes: Buffer): string[] => shapes.filter((shape) => bytes.includes(shape));

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test("40 marked secrets go through every method and error; no file and no output contains one", async () => {
  using work = tempDirectory();
  const config = join(work.path, "config.toml");
  const asks = canaries
    .slice(0, 4)
    .map((_, n) => `[[loops.heartbeat.secrets]]\nname = "s${n}"\nmode = "inject"\npurpose = "test"\n`);
  writeFileSync(config, `log_level = "debug"\n[loops.heartbeat]\n${asks.join("")}`);
  await using daemon = await startTestDaemon({ engine: "sandbox", start: ["heartbeat"], flags: ["--config", config] });
  await until("the agent runs", async () => (await daemon.client.bridge.status()).agents.running === 1);
  const { client } = daemon;
  const shown: string[] = [];
  const call = client.call as (method: string, params: unknown) => Promise<unknown>;

  for (const [n, token] of canaries.entries()) {
    const stored =
      n % 2 === 0
        ? await client.keystore.store({ provider: "openai", id: `s${n}`, token })
        : await call("store_key", { provider: "anthropic", id: `s${n}`, token, display_name: `key ${n}` });
    shown.push(JSON.stringify(stored));
    if (n % 5 === 0) shown.push(JSON.stringify(await client.keystore.rotate({ id: `s${n}`, token })));
  }
  // Each method that a person may call is called with a canary in each text: most calls are refused, with an error.
  const skipped = new Set(["bridge.shutdown", "keystore.lock", "keystore.store", "keystore.get", "bridge.panic"]);
  for (const [method, spec] of Object.entries(methods) as [string, AnyMethod][]) {
    if (skipped.has(method) || !spec.roles.includes("admin") || spec.stream !== undefined) continue;
    const marked = Object.fromEntries(
      Object.entries(spec.example.params as object).map(([key, value]) => [
        key,
        key === "token" || key === "passphrase" ? canaries[0] : value,
      ]),
    );
    for (const params of [marked, { token: canaries[1] }, { ...marked, token: canaries[2], password: canaries[3] }])
      shown.push(
        await call(method, params).then(JSON.stringify, (error: Error) => `${error.message} ${JSON.stringify(error)}`),
      );
  }
  // The passphrase is a canary, too, since the keystore was rekeyed to it meanwhile.
  await client.keystore.unlock({ passphrase: canaries[0] ?? "" });
  for (let n = 0; n < 4; n++) await client.access.grant({ loop: "heartbeat", name: `s${n}` });
  await client.agent.restart({ agent_id: "heartbeat-1" });
  const [claimed, again] = await asAgent(daemon, "heartbeat-1", [
    { method: "secret.claim" },
    { method: "secret.claim" },
  ]);
  // As a positive control, the scanner finds the secrets in the one place where they are meant to be.
  expect(hitsIn(Buffer.from(JSON.stringify(claimed))).length).toBeGreaterThanOrEqual(4);
  shown.push(JSON.stringify(again));
  const metrics = await unixFetch(daemon.socket)("http://bridge/metrics");
  expect(metrics.status).toBe(200);
  shown.push(await metrics.text());
  for (const words of [
    ["keystore", "list"],
    ["keystore", "list", "--json"],
    ["audit", "tail"],
    ["audit", "export"],
    ["events"],
    ["inspect", "heartbeat-1"],
    ["logs", "heartbeat-1"],
    ["keystore", "store", "--provider", "x", "--token", canaries[5] ?? ""],
    ["keystore", "rotate", "--id", "nothing"],
  ]) {
    const { stdout, stderr } = await daemon.cli(words, `${canaries[6]}\n`);
    shown.push(stdout, stderr);
  }
  await client.backup.create({ path: join(work.path, "backup.acb") });
  const { pid } = await client.agent.get({ agent_id: "heartbeat-1" });
  for (const one of [daemon.pid, pid ?? 0])
    for (const file of ["environ", "cmdline"]) shown.push(readFileSync(`/proc/${one}/${file}`, "utf8"));
  const limits = readFileSync(`/proc/${daemon.pid}/limits`, "utf8");
  expect(limits).toMatch(/Max core file size\s+0\s+0\s/);
  // Its own user cannot read it: the /proc files of a process that is not dumpable belong to root.
  const dumpable = spawnSync("sh", ["-c", `kill -ABRT ${daemon.pid}; sleep 1`]);
  expect(dumpable.status).toBe(0);
  await daemon.process.finished;
  shown.push(daemon.process.output.stdout, daemon.process.output.stderr);

  const files = [
    ...filesUnder(daemon.directories.state),
    ...filesUnder(daemon.directories.runtime),
    ...filesUnder(work.path),
  ];
  expect(files.some((file) => /(?:^|\/)core/.test(file))).toBe(false);
  const dirty = files.filter((file) => hitsIn(readFileSync(file)).length > 0);
  const heard = shown.flatMap((text, index) =>
    hitsIn(Buffer.from(text)).map((hit) => ({ index, hit, text: text.slice(0, 200) })),
  );
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0) + shown.join("").length;
  process.stderr.write(
    `${canaries.length} canaries in ${shapes.length} shapes: ${bytes} bytes in ${files.length} files and ${shown.length} answers, 0 hits\n`,
  );
  expect({ dirty, heard }).toEqual({ dirty: [], heard: [] });
  expect(bytes).toBeGreaterThan(100_000);
}, 120_000);

describeOnEngines(
  "what Docker tells of a container",
  (engine, env) => {
    test("contains no secret that its agent was given", async () => {
      using work = tempDirectory();
      const config = join(work.path, "config.toml");
      writeFileSync(config, '[[loops.heartbeat.secrets]]\nname = "s0"\nmode = "inject"\npurpose = "test"\n');
      const options = { engine, env: env(), start: ["heartbeat"], flags: ["--config", config] };
      await using daemon = await startTestDaemon(options);
      const { client } = daemon;
      await until("the agent runs", async () => (await client.bridge.status()).agents.running === 1);
      await client.keystore.store({ provider: "openai", id: "s0", token: canaries[0] ?? "" });
      await client.access.grant({ loop: "heartbeat", name: "s0" });
      await client.agent.restart({ agent_id: "heartbeat-1" });
      const claimed = await agentCall(daemon, "heartbeat-1", "secret.claim");
      expect(hitsIn(Buffer.from(JSON.stringify(claimed)))).not.toEqual([]);
      const { container_id: id } = await client.agent.get({ agent_id: "heartbeat-1" });
      const docker = unixFetch((env()["DOCKER_HOST"] ?? "").replace("unix://", ""));
      for (const path of ["json", "logs?stdout=1&stderr=1", "top"]) {
        const told = await docker(`http://docker/containers/${id}/${path}`);
        expect(told.status).toBe(200);
        expect(hitsIn(Buffer.from(await told.arrayBuffer()))).toEqual([]);
      }
    }, 60_000);
  },
  ["docker"],
);
