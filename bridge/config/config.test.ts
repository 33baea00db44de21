import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BridgeError, LoopName } from "@armorclaw/protocol";
import { afterAll, describe, expect, test } from "@jest/globals";
import { type ConfigIssue, clientSocketPaths, configJsonSchema, environmentName, leaves, loadConfig } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "armorclaw-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

const base = { flags: {}, env: { HOME: "/home/ann" }, uid: 1000, platform: "linux" } as const;

function withFile(toml: string, rest: Partial<Parameters<typeof loadConfig>[0]> = {}) {
  const file = join(directory, "config.toml");
  writeFileSync(file, toml);
  return loadConfig({ ...base, ...rest, flags: { config: file, ...rest.flags } });
}

function issuesOf(load: () => unknown): ConfigIssue[] {
  try {
    load();
  } catch (error) {
    expect((error as BridgeError).code).toBe("CONFIG_INVALID");
    return (error as BridgeError).details?.["issues"] as ConfigIssue[];
  }
  throw new Error("expected CONFIG_INVALID");
}

describe("loadConfig()", () => {
  test("has a default for every key, and marks its origin", () => {
    const { config, origins, file } = loadConfig(base);
    expect(config.engine).toBe("auto");
    expect(config.agents.start).toEqual(["heartbeat", "system-monitor"]);
    expect(config.stateDir).toBe("/home/ann/.local/state/armorclaw");
    expect(config.runtimeDir).toBe("/home/ann/.local/state/armorclaw/run");
    expect(file).toBeUndefined();
    for (const { key } of leaves()) expect(origins.get(key)).toBe("default");
  });

  test("refuses a file that another user may write or replace", () => {
    const open = join(directory, "open");
    mkdirSync(open);
    const file = join(open, "config.toml");
    writeFileSync(file, "");
    const messageOf = () => issuesOf(() => loadConfig({ ...base, flags: { config: file } }))[0]?.message;
    expect(loadConfig({ ...base, flags: { config: file } }).file).toBe(file);
    chmodSync(file, 0o666);
    expect(messageOf()).toContain(`every user may write ${file}`);
    chmodSync(file, 0o644);
    chmodSync(open, 0o777);
    expect(messageOf()).toContain(`every user may write ${open}`);
    chmodSync(open, 0o1777);
    expect(loadConfig({ ...base, flags: { config: file } }).file).toBe(file);
    if (process.getuid?.() !== 0) return;
    chownSync(file, 65_534, 65_534);
    expect(messageOf()).toContain(`user 65534 owns ${file}`);
  });

  test("converts its tables' keys to camelCase, and leaves names and the contract's values unchanged", () => {
    const toml = [
      "agents.hang_after_ms = 2000",
      "loops.system-monitor.limits.memory_bytes = 67108864",
      '[[alerts.rules]]\nname = "lost"\ntypes = ["agent.exited"]\ntext = "lost"\nrecovered_by = ["agent.started"]',
      '[alerts.rules.data]\n"exit.code" = 1',
      '[webhooks]\npager = "http://127.0.0.1:1"',
      '[llm.policies.system-monitor]\nmodels = ["*"]\noutput_tokens_max = 10',
    ].join("\n");
    const { config, values } = withFile(toml);
    expect(config.agents.hangAfterMs).toBe(2_000);
    expect(values.agents.hang_after_ms).toBe(2_000);
    expect(config.loops[LoopName.parse("system-monitor")]).toEqual({ limits: { memory_bytes: 67_108_864 } });
    expect(config.alerts.rules).toMatchObject([{ recoveredBy: ["agent.started"], data: { "exit.code": 1 } }]);
    expect(config.llm.policies[LoopName.parse("system-monitor")]?.outputTokensMax).toBe(10);
  });

  test("refuses an alert route to a room or webhook that is not configured", () => {
    const routes = (text: string) => `matrix.rooms = ["!in:x"]\nwebhooks.pager = "http://127.0.0.1:1"\n${text}`;
    const to = (destination: string, lane: string) =>
      `[[alerts.to]]\ndestination = "${destination}"\nlane = "${lane}"\n`;
    withFile(routes(to("matrix", "!in:x") + to("webhook", "pager")));
    const issues = issuesOf(() =>
      withFile(routes(to("webhook", "pager") + to("matrix", "!out:x") + to("webhook", "x"))),
    );
    expect(issues.map(({ key }) => key)).toEqual(["alerts.to.1.lane", "alerts.to.2.lane"]);
    expect(issues[0]?.message).toBe("!out:x is not in matrix.rooms, so alerts cannot reach it. Add it there");
    expect(issues[0]?.origin).toMatch(/^file /);
  });

  test("uses system directories for root", () => {
    const { config, socketPath } = loadConfig({ ...base, uid: 0 });
    expect(config.stateDir).toBe("/var/lib/armorclaw");
    expect(socketPath).toBe("/run/armorclaw/bridge.sock");
  });

  test("lets the environment win over the file, and a flag over both", () => {
    const toml = 'engine = "docker"\nlog_level = "warn"\n[agents]\nmax = 3\n';
    const { config, origins } = withFile(toml, {
      env: { ...base.env, ARMORCLAW_ENGINE: "process", ARMORCLAW_AGENTS_MAX: "7" },
      flags: { engine: "sandbox" },
    });
    expect(config.engine).toBe("sandbox");
    expect(config.agents.max).toBe(7);
    expect(config.logLevel).toBe("warn");
    expect(origins.get("engine")).toBe("flag --engine");
    expect(origins.get("agents.max")).toBe("env ARMORCLAW_AGENTS_MAX");
    expect(origins.get("log_level")).toMatch(/^file .*config\.toml$/);
  });

  test("reads lists, booleans and tables from the environment", () => {
    const { config } = loadConfig({
      ...base,
      env: {
        ...base.env,
        ARMORCLAW_AGENTS_START: "heartbeat",
        ARMORCLAW_ALLOW_UNSANDBOXED: "true",
        ARMORCLAW_LOOPS: '{"heartbeat":{"limits":{"cpus":1}}}',
        DOCKER_HOST: "unix:///run/other.sock",
      },
    });
    expect(config.agents.start).toEqual(["heartbeat"]);
    expect(config.allowUnsandboxed).toBe(true);
    expect(config.loops).toEqual({ heartbeat: { limits: { cpus: 1 } } });
    expect(config.docker.host).toBe("unix:///run/other.sock");
  });

  test("reads flags for entries of tables, also with quoted names, and leaves the rest of the table unchanged", () => {
    const toml = '[loops.system-monitor]\nttl_ms = 5000\n[webhooks]\nother = "http://127.0.0.1:2"\n';
    const { config, origins } = withFile(toml, {
      flags: {
        "loops.system-monitor.idle.suspend_after_ms": "1500",
        "loops.heartbeat": '{"limits":{"cpus":1}}',
        "webhooks.pager": "http://127.0.0.1:1",
        'matrix.users."@ann=x:example.org"': "operator",
        "webrtc.rooms.'!a:example.org'": "user:1000, user:1001",
        "llm.providers.openai": '{"kind":"openai","base_url":"http://127.0.0.1:1","models":["gpt-5","gpt-5-mini"]}',
        'llm.fallbacks."openai/gpt-5"': '["openai/gpt-5-mini"]',
        "budget.service_prices.search": "0.5",
      },
    });
    expect(config.loops[LoopName.parse("system-monitor")]).toEqual({
      ttlMs: 5_000,
      idle: { suspend_after_ms: 1_500, mode: "stop" },
    });
    expect(config.loops[LoopName.parse("heartbeat")]).toEqual({ limits: { cpus: 1 } });
    expect(config.webhooks).toEqual({ other: "http://127.0.0.1:2", pager: "http://127.0.0.1:1" });
    expect(config.matrix.users).toEqual({ "@ann=x:example.org": "operator" });
    expect(config.webrtc.rooms).toEqual({ "!a:example.org": ["user:1000", "user:1001"] });
    expect(config.budget.servicePrices).toEqual({ search: 0.5 });
    expect(config.llm.fallbacks).toEqual({ "openai/gpt-5": ["openai/gpt-5-mini"] });
    expect(origins.get("webhooks.pager")).toBe("flag --webhooks.pager");
  });

  test.each([
    ["an unknown key in an entry", { "loops.heartbeat.maks": "1" }, "loops.heartbeat.maks", /^Unknown key/],
    [
      "a value that does not fit in an entry",
      { "loops.heartbeat.ttl_ms": "soon" },
      "loops.heartbeat.ttl_ms",
      /expected number/,
    ],
    ["a name that does not fit", { "webhooks.Pager": "http://x" }, "webhooks.Pager", /Invalid key/],
    ["a table in place of a value", { agents: "{}" }, "agents", /^Unknown key/],
    [
      "a name that wants quotes",
      { "matrix.users.@ann:x": "operator" },
      "matrix.users.@ann:x",
      /in quotes: matrix\.users\."/,
    ],
    ["two lines", { "webhooks.a = 1\nwebhooks.b": "http://x" }, "webhooks.a = 1\nwebhooks.b", /^Not a key/],
  ])("refuses the flag with %s", (_, flags, key, message) => {
    const [issue] = issuesOf(() => loadConfig({ ...base, flags }));
    expect([issue?.key, issue?.origin]).toEqual([key, `flag --${key}`]);
    expect(issue?.message).toMatch(message);
  });

  test.each([
    ["an unknown key of the file", () => withFile('engin = "auto"\n'), "engin", "Unknown key; did you mean engine?"],
    [
      "an unknown nested key",
      () => withFile("[agents]\nmaks = 3\n"),
      "agents.maks",
      "Unknown key; did you mean agents.max?",
    ],
    [
      "an unknown variable",
      () => loadConfig({ ...base, env: { ARMORCLAW_ENGIN: "auto" } }),
      "ARMORCLAW_ENGIN",
      "Unknown key; did you mean ARMORCLAW_ENGINE?",
    ],
    [
      "an unknown flag",
      () => loadConfig({ ...base, flags: { "state-dri": "/x" } }),
      "state_dri",
      "Unknown key; did you mean state_dir?",
    ],
  ])("refuses %s and names the nearest known one", (_, load, key, message) => {
    expect(issuesOf(load)).toEqual([expect.objectContaining({ key, message })]);
  });

  test("names every wrong value with its origin", () => {
    const issues = issuesOf(() =>
      withFile('engine = "podman"\n[agents]\nmax = 0\n', { env: { ARMORCLAW_SHUTDOWN_GRACE_MS: "soon" } }),
    );
    expect(issues.map(({ key, origin }) => [key, origin.split(" ")[0]])).toEqual([
      ["engine", "file"],
      ["shutdown_grace_ms", "env"],
      ["agents.max", "file"],
    ]);
  });

  test("names the line of broken TOML, and a named file that is missing", () => {
    expect(issuesOf(() => withFile("engine = \n"))[0]?.message).toMatch(/^Line 1: /);
    expect(issuesOf(() => loadConfig({ ...base, flags: { config: "/no/such.toml" } }))[0]?.message).toContain("ENOENT");
  });
});

describe("the schema", () => {
  test("gives every key a distinct variable", () => {
    const names = leaves().map(({ key }) => environmentName(key));
    expect(new Set(names).size).toBe(names.length);
  });

  test("describes every key in its JSON Schema", () => {
    expect(JSON.stringify(configJsonSchema())).toContain("What runs agents' containers");
  });
});

describe("clientSocketPaths()", () => {
  test("is the configured path, or else the user's own and then the system's", () => {
    expect(clientSocketPaths({ ARMORCLAW_SOCKET: "/x/y.sock" }, 1000, "linux")).toEqual(["/x/y.sock"]);
    expect(clientSocketPaths({ HOME: "/h", XDG_RUNTIME_DIR: "/run/user/1000" }, 1000, "linux")).toEqual([
      "/run/user/1000/armorclaw/bridge.sock",
      "/run/armorclaw/bridge.sock",
    ]);
    expect(clientSocketPaths({}, 0, "linux")).toEqual(["/run/armorclaw/bridge.sock"]);
  });

  test("is one pipe per directory on Windows, however the directory is written", () => {
    const pipeOf = (directory: string) =>
      clientSocketPaths({ ARMORCLAW_RUNTIME_DIR: directory }, undefined, "win32").join();
    const own = pipeOf("C:\\Users\\Jürgen\\AppData\\Local\\ArmorClaw\\run");
    expect(own).toMatch(/^\\\\\.\\pipe\\armorclaw-[0-9a-f]{16}$/);
    expect(clientSocketPaths({ USERPROFILE: "C:\\Users\\Jürgen", HOME: "/c/else" }, undefined, "win32")).toEqual([own]);
    expect(pipeOf("c:/users/JÜRGEN/AppData/Local/ArmorClaw/run/")).toBe(own);
    expect(pipeOf("C:\\Users\\J-rgen\\AppData\\Local\\ArmorClaw\\run")).not.toBe(own);
    expect(pipeOf("C:\\Users\\Jürgen\\AppData\\Local\\ArmorClaw-run")).not.toBe(own);
  });
});
