import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { run, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { startKillableDockerd } from "../support/engines/killable-dockerd.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { startPager } from "../support/matrix/pager.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const isThere = process.getuid?.() === 0 && spawnSync("dockerd", ["--version"]).status === 0;

describeIf(isThere, "it needs root and dockerd", "a bridge on a dockerd of its own", () => {
  const directory = tempDirectory();
  let dockerd: Awaited<ReturnType<typeof startKillableDockerd>>;

  beforeAll(async () => {
    dockerd = await startKillableDockerd(join(directory.path, "d"), ["--add-runtime", "runc2=/usr/sbin/runc"]);
  }, 60_000);
  afterAll(async () => {
    await dockerd[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  });

  const start = (directories?: TestDaemon["directories"], flags: readonly string[] = []) =>
    startTestDaemon({
      flags,
      engine: "auto",
      env: { DOCKER_HOST: dockerd.host },
      start: ["heartbeat"],
      ...(directories === undefined ? {} : { directories }),
    });
  const runs = async ({ client }: TestDaemon) => (await client.bridge.status()).agents.running === 1;
  const ownContainers = (installId: string) =>
    execFileSync("docker", ["-H", dockerd.host, "ps", "-aq", "--filter", `label=ac.install=${installId}`], {
      encoding: "utf8",
    })
      .split("\n")
      .filter(Boolean).length;

  test("runs agents under the configured runtime, and notices a container under another runtime", async () => {
    await using daemon = await start(undefined, ["--set", "docker.runtime=runc2"]);
    await until("the agent runs", () => runs(daemon), 60_000);
    expect((await daemon.client.bridge.status()).engine.version).toMatch(/^Docker .* with runc2$/);
    const { container_id } = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
    const inspect = ["-H", dockerd.host, "inspect", "--format", "{{.HostConfig.Runtime}}", container_id ?? ""];
    expect(execFileSync("docker", inspect, { encoding: "utf8" }).trim()).toBe("runc2");
    await daemon.end("SIGKILL");
    // A container of an earlier bridge under another runtime does not match the configuration, so the agent is restarted.
    await using after = await start(daemon.directories, ["--set", "docker.runtime=runc"]);
    await until("the agent runs", () => runs(after), 60_000);
    const anew = await after.client.agent.get({ agent_id: "heartbeat-1" });
    expect(anew).toMatchObject({ epoch: 2, isolation: "container" });
    expect(anew.container_id).not.toBe(container_id);
  }, 120_000);

  test("reports a runtime that Docker does not know with a remedy, and does not fall back to a weaker engine", async () => {
    const { code, stderr } = await run(["run", "--engine", "auto", "--set", "docker.runtime=runq"], {
      DOCKER_HOST: dockerd.host,
      HOME: directory.path,
      ARMORCLAW_RUNTIME_DIR: join(directory.path, "r"),
      ARMORCLAW_STATE_DIR: join(directory.path, "s"),
    }).finished;
    expect(code).toBe(10);
    expect(stderr).toMatch(/RUNTIME_UNKNOWN: Docker knows no runtime runq; it knows .*runc2.*\n {2}next: Register it/);
  }, 30_000);

  test("waits for the engine that holds its running agents, reports that, and adopts them when it is back", async () => {
    await using pager = await startPager();
    const config = join(directory.path, "alerting.toml");
    const to = '[[alerts.to]]\ndestination = "webhook"\nlane = "pager"';
    writeFileSync(config, `webhooks.pager = "${pager.url}/"\n${to}\n`);
    const alerting = ["--config", config];
    await using first = await start(undefined, alerting);
    await until("the agent runs", () => runs(first), 60_000);
    const { engine, install_id } = await first.client.bridge.status();
    expect(engine.kind).toBe("docker");
    const before = await first.client.agent.get({ agent_id: "heartbeat-1" });
    await dockerd.kill();
    const lost = "The container engine cannot be reached: ";
    await until("the alert", () => pager.told.some(({ text }) => text.startsWith(lost)), 30_000);
    await first.end("SIGKILL");
    await using second = await start(first.directories, alerting);
    await until(
      "the bridge reports that the engine is away",
      async () => !(await second.client.bridge.status()).engine_reachable,
    );
    const waiting = await second.cli(["status"]);
    expect(waiting.stdout).toContain("Docker, which does not answer");
    expect(waiting.stdout).toContain("the bridge waits for it and starts nothing elsewhere");
    await expect(second.client.agent.start({ agent_type: "heartbeat" })).rejects.toMatchObject({
      code: "ENGINE_UNAVAILABLE",
    });
    expect(existsSync(`/proc/${before.pid}`)).toBe(true);
    const { events } = await second.client.event.history({ channels: ["bridge.engine_unreachable"] });
    expect(events.at(-1)?.data["message"]).toMatch(/Docker engine does not answer/);

    await dockerd.start();
    await until("the agent is taken over", () => runs(second), 30_000);
    await until(
      "the report of its return",
      () => pager.told.some(({ text }) => text.startsWith(`Resolved: ${lost}`)),
      30_000,
    );
    // After a kill between a delivery and its record the webhook receives the message again, under the same key.
    const keys = pager.told.filter(({ text }) => text.startsWith(lost)).map(({ key }) => key);
    expect(new Set(keys).size).toBe(1);
    const { pid, epoch, container_id, isolation } = before;
    const after = await second.client.agent.get({ agent_id: "heartbeat-1" });
    expect(after).toMatchObject({ pid, epoch, container_id, isolation, restarts: 0 });
    expect((await second.client.bridge.status()).engine).toEqual(engine);
    expect(ownContainers(install_id)).toBe(1);

    // An orderly stop leaves no container, so the next bridge need not wait.
    await second.end("SIGTERM");
    await dockerd.kill();
    await using third = await start(first.directories);
    await until("the agent runs elsewhere", () => runs(third), 30_000);
    expect((await third.client.bridge.status()).engine.kind).not.toBe("docker");
    await third.end("SIGTERM");
    await dockerd.start();
    await until("what the engine held is gone", () => ownContainers(install_id) === 0);
  }, 120_000);
});
