import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { nodeBinary, run, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { tempDirectory } from "../support/temp.ts";

const isRoot = process.getuid?.() === 0;

/** Returns the bridge's answer to one line. */
function exchange(
  socket: string,
  text: string,
): Promise<{ error: { code: number; message: string; data: Record<string, unknown> } }> {
  return new Promise((resolve, reject) => {
    const peer = connect(socket, () => peer.end(text));
    let answer = "";
    peer.setEncoding("utf8").on("data", (chunk: string) => {
      answer += chunk;
    });
    peer.once("error", reject);
    peer.once("close", () => resolve(JSON.parse(answer.split("\n")[0] ?? "")));
  });
}

describe("a call that cannot be answered", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await startTestDaemon({ engine: "process" });
  }, 30_000);
  afterAll(async () => await daemon[Symbol.asyncDispose]());

  test.each([
    ["broken JSON", '{"jsonrpc":"2.0",\n', -32700, "PARSE_ERROR"],
    ["a value over several lines", '{\n"jsonrpc":"2.0"}', -32700, "PARSE_ERROR"],
    ["no request", '{"id":1}\n', -32600, "INVALID_REQUEST"],
    ["an unknown method", '{"jsonrpc":"2.0","id":1,"method":"bridge.statsu"}\n', -32601, "METHOD_NOT_FOUND"],
    [
      "an unknown field",
      '{"jsonrpc":"2.0","id":1,"method":"agent.get","params":{"agentid":"a"}}\n',
      -32602,
      "INVALID_PARAMS",
    ],
    [
      "an unknown agent",
      '{"jsonrpc":"2.0","id":1,"method":"agent.get","params":{"agent_id":"a"}}\n',
      -2,
      "AGENT_NOT_FOUND",
    ],
    [
      "a method of agents",
      '{"jsonrpc":"2.0","id":1,"method":"agent.hello","params":{"runtime_version":"1","pid":1}}\n',
      -32001,
      "FORBIDDEN",
    ],
  ])("%s: a catalogue error with what to do next", async (_, line, code, name) => {
    const { error } = await exchange(daemon.socket, line);
    expect(error).toMatchObject({ code, data: { code: name, remedy: expect.any(String) } });
  });

  test.each([
    [["stop", "nobody-1"], 3, "AGENT_NOT_FOUND"],
    [["start", "hartbeat"], 3, "LOOP_NOT_FOUND: No loop is called hartbeat; did you mean heartbeat?"],
    [["rpc", "call", "bridge.statsu"], 2, "did you mean bridge.status?"],
    [["rpc", "call", "bridge.status", "{broken"], 2, ""],
    [["staus"], 2, "status"],
  ])("armorclaw %j ends with %d", async (args, code, text) => {
    const finished = await daemon.cli(args);
    expect(finished).toMatchObject({ code, stdout: "" });
    expect(finished.stderr).toContain(text);
  });

  test("the classic names are the same methods", async () => {
    expect(await daemon.client.call("status")).toMatchObject({ state: "running", status: "running", containers: 0 });
    expect(await daemon.client.call("health")).toMatchObject({ status: "degraded" });
    const started = (await daemon.client.call("start", { agent_type: "heartbeat" })) as Record<string, unknown>;
    expect(started).toMatchObject({
      agent_id: "heartbeat-1",
      container_name: expect.any(String),
      endpoint: expect.any(String),
    });
    expect(await daemon.client.call("stop", { container_id: started["container_id"] })).toMatchObject({
      status: "stopped",
      container_id: started["container_id"],
    });
  });
});

describe("armorclaw without a bridge", () => {
  test("reports that no bridge answers and how to start one, and ends with 5", async () => {
    using directory = tempDirectory();
    const { code, stderr, stdout } = await run(["status"], { ARMORCLAW_SOCKET: join(directory.path, "none.sock") })
      .finished;
    expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
    expect(stderr).toMatch(/armorclaw run|npm start/);
  });
});

describe("armorclaw run refuses", () => {
  const refuse = async (flags: readonly string[], env: Record<string, string> = {}) => {
    using directory = tempDirectory();
    const usual = [
      "--runtime-dir",
      join(directory.path, "r"),
      "--state-dir",
      join(directory.path, "s"),
      "--engine",
      "process",
    ];
    return await run(["run", ...usual, ...flags], env).finished;
  };

  test.each([
    ["an unknown key", ["--set", "agents.maks=3"], {}, 10, "CONFIG_INVALID", "did you mean agents.max?"],
    ["a value that does not fit", [], { ARMORCLAW_LOG_LEVEL: "loud" }, 10, "CONFIG_INVALID", "env ARMORCLAW_LOG_LEVEL"],
    [
      "a configuration file that is not there",
      ["--config", "/no/such.toml"],
      {},
      10,
      "CONFIG_INVALID",
      "/no/such.toml",
    ],
    [
      "an unknown loop in the default set",
      ["--set", "agents.start=hartbeat"],
      {},
      10,
      "CONFIG_INVALID",
      "did you mean heartbeat?",
    ],
    [
      "an engine that is not there",
      ["--engine", "docker"],
      { DOCKER_HOST: "unix:///no/docker.sock" },
      1,
      "ENGINE_UNAVAILABLE",
      "No Docker engine answers",
    ],
    [
      "a socket path over 107 bytes",
      ["--runtime-dir", `/tmp/${"d".repeat(100)}`],
      {},
      10,
      "SOCKET_PATH_TOO_LONG",
      "107",
    ],
    [
      "a state directory that cannot be made",
      ["--state-dir", "/proc/armorclaw"],
      {},
      4,
      "STATE_UNUSABLE",
      "/proc/armorclaw",
    ],
  ])("%s", async (_, flags, env, code, name, text) => {
    const finished = await refuse(flags, env);
    expect(finished).toMatchObject({ code, stdout: "" });
    expect(finished.stderr).toMatch(new RegExp(`^armorclaw: ${name}: .*\n(?: {2}details: .*\n)? {2}next: .+\n$`, "m"));
    expect(finished.stderr).toContain(text);
  });

  test("a runtime directory that is a symbolic link, or open to others", async () => {
    using directory = tempDirectory();
    const real = join(directory.path, "real");
    const link = join(directory.path, "link");
    mkdirSync(real, { mode: 0o777 });
    symlinkSync(real, link);
    for (const path of [link, real]) {
      expect(await refuse(["--runtime-dir", path])).toMatchObject({
        code: 4,
        stderr: expect.stringContaining("RUNTIME_DIR_UNSAFE"),
      });
    }
  });

  test("a configuration, a key, or a directory that somebody else may write or replace", async () => {
    using directory = tempDirectory();
    const open = join(directory.path, "open");
    mkdirSync(open);
    const config = join(open, "config.toml");
    writeFileSync(config, "");
    chmodSync(config, 0o666);
    const byConfig = ["--config", config, "--set", "rpc.in_flight_max=0"];
    expect((await refuse(byConfig)).stderr).toContain(`every user may write ${config}`);
    chmodSync(config, 0o600);
    // The directory above is looked at as well.
    chmodSync(open, 0o777);
    expect((await refuse(byConfig)).stderr).toContain(`every user may write ${open}`);
    const inside = (name: string) => [`--${name}-dir`, join(open, name)];
    const unsafe = { code: 4, stderr: expect.stringContaining(`every user may write ${open}`) };
    expect(await refuse(inside("state"))).toMatchObject(unsafe);
    expect(await refuse([...inside("runtime"), "--state-dir", join(directory.path, "s")])).toMatchObject(unsafe);
    if (!isRoot) return;
    chmodSync(open, 0o755);
    chownSync(config, 65_534, 65_534);
    expect((await refuse(byConfig)).stderr).toContain(`user 65534 owns ${config}`);
    const key = join(open, "key");
    writeFileSync(key, "00".repeat(32), { mode: 0o600 });
    chownSync(key, 65_534, 65_534);
    const byKey = ["--set", `keystore.key_file=${key}`, "--set", "agents.start="];
    await using daemon = await startTestDaemon({ engine: "process", flags: byKey });
    // Without its key the bridge can open no secret, and record no privileged act.
    const stored = daemon.client.keystore.store({ id: "a", provider: "openai", token: "sk-x" });
    await expect(stored).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    const { checks } = await daemon.client.bridge.health();
    expect(checks.find(({ name }) => name === "keystore")).toMatchObject({ status: "degraded" });
  }, 60_000);

  test("a socket that somebody else could serve", async () => {
    await using daemon = await startTestDaemon({ engine: "process" });
    using directory = tempDirectory();
    const open = join(directory.path, "open");
    mkdirSync(open);
    symlinkSync(daemon.directories.runtime, join(open, "run"));
    const socket = ["--socket", join(open, "run", "bridge.sock")];
    expect((await run(["status", ...socket]).finished).code).toBe(0);
    chmodSync(open, 0o777);
    const finished = await run(["keystore", "store", "--id", "a", "--provider", "openai", ...socket], {}, "sk-secret")
      .finished;
    expect(finished).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/SERVER_NOT_TRUSTED.*every user may write/),
    });
    expect(await daemon.client.keystore.list({})).toEqual([]);
  }, 60_000);

  test("an unknown flag", async () => {
    expect(await refuse(["--engin", "auto"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--engin") });
  });

  describeIf(isRoot, "mounting a read-only file system needs root", "on a read-only file system", () => {
    test("its state directory", async () => {
      using directory = tempDirectory();
      writeFileSync(join(directory.path, "seen"), "");
      spawnSync("mount", ["-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", directory.path]);
      try {
        const finished = await refuse(["--state-dir", join(directory.path, "state")]);
        expect(finished).toMatchObject({ code: 4, stderr: expect.stringContaining("EROFS") });
      } finally {
        spawnSync("umount", [directory.path]);
      }
    });
  });
});

describeIf(isRoot, "becoming another user needs root", "another local user", () => {
  test("cannot connect to the bridge's socket", async () => {
    await using daemon = await startTestDaemon({ engine: "process" });
    const script = `require("node:net").connect(${JSON.stringify(daemon.socket)}).on("error",e=>console.log(e.code)).on("connect",()=>console.log("CONNECTED"))`;
    const { stdout } = spawnSync(
      "setpriv",
      ["--reuid=65534", "--regid=65534", "--clear-groups", nodeBinary, "-e", script],
      { encoding: "utf8", cwd: "/" },
    );
    expect(stdout).toBe("EACCES\n");
  }, 30_000);
});
