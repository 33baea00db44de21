import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { AgentId } from "@armorclaw/protocol";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Engine,
  type EngineKind,
  type EngineOptions,
  type OutputLine,
  Workspaces,
} from "../../../bridge/containers/index.ts";
import { tempDirectory } from "../temp.ts";
import { until } from "../until.ts";
import { attacks, networkAttacks, type Targets } from "./engine-attacks.ts";
import { openProbeEngine, probeLimits, probeOptions, startProbe } from "./engine-harness.ts";
import { initConformance } from "./engine-init.ts";

export interface ConformanceSettings {
  readonly kind: EngineKind;
  readonly options?: Partial<EngineOptions>;
}

const bomb = "{ const held = []; for (;;) held.push(Buffer.alloc(16 << 20, 1)) }";

/** Registers the tests that every engine must pass. The gaps of `process` must be exactly the documented ones. */
export function engineConformance({ kind, options = {} }: ConformanceSettings): void {
  const isolates = kind !== "process";
  const directory = tempDirectory();
  const targets = openTargets(directory.path);
  let engine: Engine;
  // Without root's rights or a delegated cgroup a sandbox has no memory limit, and reports that.
  const limitsMemory = () => engine.status.protections.some((words) => /by cgroup: .*memory/.test(words));
  const open = () => openProbeEngine(probeOptions(kind, directory.path, options));

  beforeAll(async () => {
    process.env["ARMORCLAW_TEST_CANARY"] = "canary";
    engine = await open();
  }, 120_000);

  afterAll(async () => {
    delete process.env["ARMORCLAW_TEST_CANARY"];
    await engine.close();
    await targets.close();
    directory[Symbol.dispose]();
  });

  describe("isolation", () => {
    test("is confirmed by the kernel", async () => {
      await using probe = await startProbe(engine, directory.path);
      const { isolation, missing, facts } = await probe.container.attest();
      expect(missing).toEqual([]);
      expect(isolation).toBe({ docker: "container", sandbox: "sandbox", process: "none" }[kind]);
      expect(facts["uid"]).toBe(engine.uidForSlot(probe.spec.slot));
      expect(probe.hello.uid).toBe(engine.uidForSlot(probe.spec.slot));
      if (limitsMemory()) expect(facts["memory_limit_bytes"]).toBe(probeLimits.memory_bytes);
    });

    test("stops what an attacker in an agent might try", async () => {
      await using probe = await startProbe(engine, directory.path);
      const open: string[] = [];
      for (const { name, code, isStopped } of attacks(targets.list)) {
        const answer = await probe.evaluate(code);
        if (!isStopped(answer)) open.push(`${name}: ${JSON.stringify(answer)}`);
      }
      expect(open).toEqual([]);
    });

    test(isolates ? "leaves no network and no other socket" : "leaves the network and other sockets open", async () => {
      await using probe = await startProbe(engine, directory.path);
      const list = networkAttacks(targets.list);
      const stopped: string[] = [];
      for (const { name, code, isStopped } of list) if (isStopped(await probe.evaluate(code))) stopped.push(name);
      expect(stopped).toEqual(isolates ? list.map(({ name }) => name) : []);
    });

    const bounds = isolates && process.getuid?.() === 0;
    test(`${bounds ? "gives" : "refuses"} a workspace that is kept, bounded, private to its agent and not executable`, async () => {
      const workspaces = new Workspaces(join(directory.path, "state"));
      const sizeBytes = 16 * 1024 * 1024;
      const signal = AbortSignal.timeout(60_000);
      const begin = async (name: string, slot: number) => {
        if (!isolates) return await startProbe(engine, directory.path, { workspace: { sizeBytes } });
        const agentId = AgentId.parse(name);
        await using workspace = await workspaces.mount(agentId, sizeBytes, engine.uidForSlot(slot), signal);
        return await startProbe(engine, directory.path, { workspace, slot }, signal);
      };
      if (!bounds) return await expect(begin("keeper-1", 0)).rejects.toThrow(/workspace/);
      const fs = (expression: string) => `import("node:fs").then((fs) => fs.${expression})`;
      const write = fs(`writeFileSync("/workspace/kept", "kept", { mode: 0o755 })`);
      {
        await using probe = await begin("keeper-1", 600);
        const { missing, facts } = await probe.container.attest();
        expect(missing).toEqual([]);
        expect(facts["workspace_runs_nothing"]).toBe(true);
        expect(await probe.evaluate(write)).toBeNull();
        expect(await probe.evaluate(fs(`writeFileSync("/workspace/big", Buffer.alloc(${2 * sizeBytes}))`))).toBe(
          "ENOSPC",
        );
        expect(await probe.evaluate(fs(`accessSync("/workspace/kept", fs.constants.X_OK)`))).toBe("EACCES");
        await using other = await begin("keeper-2", 601);
        expect(await other.evaluate(fs(`readdirSync("/workspace")`))).toEqual(["lost+found"]);
      }
      // The uid differs, as it may after an agent was stopped.
      await using again = await begin("keeper-1", 602);
      expect(await again.evaluate(fs(`readFileSync("/workspace/kept", "utf8")`))).toBe("kept");
      expect(await again.evaluate(fs(`appendFileSync("/workspace/kept", "")`))).toBeNull();
      await expect(workspaces.mount(AgentId.parse("keeper-3"), 4096, 0, signal)).rejects.toThrow(/cannot be used/);
    }, 60_000);

    test("gives agents no access to each other's socket", async () => {
      await using first = await startProbe(engine, directory.path);
      await using second = await startProbe(engine, directory.path);
      const path = JSON.stringify(join(second.spec.endpointDirectory, "agent.sock"));
      const answer = await first.evaluate(
        `import("node:net").then((net) => new Promise((done) => net.connect(${path}).on("connect", () => done("connected")).on("error", (error) => done(error.code))))`,
      );
      // Plain processes of a bridge that is not root share its uid, and are not isolated from each other.
      if (isolates || process.getuid?.() === 0) expect(answer).toMatch(/^E/);
      else expect(answer).toBe("connected");
    });
  });

  describe("a container's end", () => {
    test("by its own code is reported with that code", async () => {
      await using probe = await startProbe(engine, directory.path);
      probe.tell("process.exit(7)");
      expect(await probe.container.exited).toMatchObject({ code: 7, signal: null, reason: "error" });
    });

    test("by kill is reported at once", async () => {
      await using probe = await startProbe(engine, directory.path);
      const before = performance.now();
      await probe.container.kill();
      expect(performance.now() - before).toBeLessThan(2_000);
      expect(await probe.container.exited).toMatchObject({ code: 137, signal: "SIGKILL", reason: "killed" });
      await probe.container.kill();
      expect(await probe.container.usage()).toBeNull();
    });

    test("on request lets the agent finish", async () => {
      await using probe = await startProbe(engine, directory.path);
      await probe.container.stop(10_000);
      expect(await probe.container.exited).toMatchObject({ code: 0, reason: "completed" });
    });

    test("on request is forced when the agent does not finish", async () => {
      await using probe = await startProbe(engine, directory.path);
      probe.tell("{ for (;;); }");
      await probe.container.stop(100);
      expect(await probe.container.exited).toMatchObject({ reason: "killed" });
    });

    test("comes from a memory bomb exactly where memory is limited, and is reported as out of memory", async () => {
      await using probe = await startProbe(engine, directory.path);
      if (limitsMemory()) {
        probe.tell(bomb);
        expect(await probe.container.exited).toMatchObject({ code: 137, reason: "oom" });
        return;
      }
      const held = `{ globalThis.held = Buffer.alloc(${probeLimits.memory_bytes} * 2, 1); held.length }`;
      expect(await probe.evaluate(held)).toBe(probeLimits.memory_bytes * 2);
    });

    test("leaves nothing to attest", async () => {
      await using probe = await startProbe(engine, directory.path);
      await probe.container.kill();
      await expect(probe.container.attest()).rejects.toMatchObject({ code: "AGENT_START_FAILED" });
    });
  });

  if (isolates) initConformance(() => engine, directory.path);

  test("output arrives line by line, and long lines are cut", async () => {
    await using probe = await startProbe(engine, directory.path);
    const lines: OutputLine[] = [];
    probe.container.output((line) => lines.push(line));
    await probe.evaluate(`console.log("one\\ntwo"); console.error("three"); console.log("x".repeat(40_000)); 0`);
    await until("the output", () => lines.some(({ line }) => line.startsWith("xxx")));
    const short = lines.filter(({ line }) => line.length < 100).map(({ stream, line }) => ({ stream, line }));
    expect(short).toContainEqual({ stream: "stdout", line: "one" });
    expect(short).toContainEqual({ stream: "stdout", line: "two" });
    await until("the error output", () => lines.some(({ stream, line }) => stream === "stderr" && line === "three"));
    expect(lines.filter(({ line }) => line.startsWith("xxx")).map(({ line }) => line.length)).toEqual([16_384]);
  });

  test("usage is counted", async () => {
    await using probe = await startProbe(engine, directory.path);
    const usage = await probe.container.usage();
    expect(usage?.memoryBytes).toBeGreaterThan(1_000_000);
    expect(usage?.cpuNs).toBeGreaterThan(0);
    expect(usage?.pids).toBeGreaterThan(0);
  });

  test("another bridge of the install lists and removes what this one started", async () => {
    await using probe = await startProbe(engine, directory.path);
    const other = await open();
    const stranger = await openProbeEngine(probeOptions(kind, directory.path, { ...options, installId: "stranger" }));
    try {
      const { id } = probe.container;
      const signal = AbortSignal.timeout(10_000);
      expect(await stranger.list(signal)).toEqual([]);
      const { agentId, epoch } = probe.spec;
      expect(await other.list(signal)).toEqual([{ id, agentId, epoch, running: true }]);
      await other.remove(id, signal);
      expect(await probe.container.exited).toMatchObject({ reason: expect.stringMatching(/^(killed|unknown)$/) });
      await other.remove(id, signal);
      expect(await other.list(signal)).toEqual([]);
    } finally {
      await stranger.close();
      await other.close();
    }
  });

  test("containers of a killed bridge are listed and removed", async () => {
    const installId = `killed${process.pid}`;
    const host = spawn(
      process.execPath,
      [
        "--conditions=armorclaw-source",
        join(import.meta.dirname, "engine-host.ts"),
        kind,
        directory.path,
        installId,
      ].concat(options.dockerHost ?? []),
      { stdio: ["ignore", "pipe", "inherit"], env: { PATH: process.env["PATH"] } },
    );
    const [said] = (await once(host.stdout, "data")) as [Buffer];
    const { pid } = JSON.parse(said.toString()) as { pid: number };
    host.kill("SIGKILL");
    await once(host, "close");
    const after = await openProbeEngine(probeOptions(kind, directory.path, { ...options, installId }));
    const signal = AbortSignal.timeout(10_000);
    // The probe agent ends with its connection, and a sandbox with its bridge, so the agent may have ended by now.
    const left = await after.list(signal);
    expect(left).toMatchObject([{ agentId: "probe-1", epoch: 1 }]);
    for (const { id } of left) await after.remove(id, signal);
    expect(await after.list(signal)).toEqual([]);
    await until("the agent is gone", () => !existsSync(`/proc/${pid}`));
    await after.close();
  });

  test("a start whose deadline has passed leaves nothing", async () => {
    const late = startProbe(engine, directory.path, {}, AbortSignal.abort());
    await expect(late).rejects.toThrow();
    expect(await engine.list(AbortSignal.timeout(10_000))).toEqual([]);
  });

  test("the engine answers", async () => {
    await engine.ping(AbortSignal.timeout(5_000));
    expect(engine.status.kind).toBe(kind);
    expect(engine.status.protections.length).toBeGreaterThan(0);
  });
}

/** A file, a world-accessible socket and a TCP port of the host, and the directory of the agents' sockets. */
function openTargets(directory: string) {
  const hostFile = join(directory, "secret.txt");
  writeFileSync(hostFile, "canary");
  const sockets = mkdtempSync("/tmp/ac-targets-");
  // An agent's uid may access the socket, so that only the sandbox prevents it.
  chmodSync(sockets, 0o755);
  const servers: Server[] = [];
  const list = { hostFile, hostSocket: join(sockets, "s"), hostPort: 0, otherAgentsDirectory: join(directory, "run") };
  beforeAll(async () => {
    list.hostPort = await serve(0);
    await serve(list.hostSocket);
  });
  async function serve(where: string | number): Promise<number> {
    const server = createServer((socket) => socket.destroy());
    servers.push(server);
    const options = typeof where === "string" ? { path: where, writableAll: true } : { port: where, host: "127.0.0.1" };
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(options, resolve));
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }
  const close = async () => {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    rmSync(sockets, { recursive: true, force: true });
  };
  return { list: list as Targets, close };
}
