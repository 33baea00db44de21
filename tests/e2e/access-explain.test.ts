import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AnyMethod, methods } from "@armorclaw/protocol";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { agentCall } from "../support/engines/agent-line.ts";
import { tempDirectory } from "../support/temp.ts";
import { listenerPort } from "../support/wire/listener-port.ts";

const directory = tempDirectory();
let daemon: TestDaemon;
let port = 0;

beforeAll(async () => {
  const file = join(directory.path, "config.toml");
  writeFileSync(
    file,
    `listen.http.address = "127.0.0.1:0"
[matrix]
rooms = ["!a:example.org"]
[matrix.users]
"@ann:example.org" = "operator"
[[approvals.rules]]
method = "task.create"
loops = ["heartbeat"]
[loops.system-monitor]
grants = []
`,
  );
  daemon = await startTestDaemon({
    engine: "sandbox",
    flags: ["--config", file],
    start: ["heartbeat", "system-monitor"],
  });
  port = await listenerPort(daemon, "http listener");
}, 60_000);

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

const explain = (principal: string, method: string) => daemon.client.access.explain({ principal, method });

test("tells of a token what its calls are answered, over methods and limits", async () => {
  const tokens = {
    "all-admin": { role: "admin" },
    "all-viewer": { role: "viewer" },
    "of-methods": { role: "admin", methods: ["agent.*", "bridge.status"] },
    "of-channels": { role: "operator", channels: ["project.>"] },
    "of-agents": { role: "operator", agents: ["heartbeat-1"] },
  } as const;
  // Reads alone, so that no call changes what the next one meets.
  const table = (Object.entries(methods) as [string, AnyMethod][]).filter(
    ([, { effect, stream, alone }]: [string, AnyMethod & { alone?: boolean }]) =>
      effect === "read" && !stream && !alone,
  );
  for (const [name, limits] of Object.entries(tokens)) {
    const { token } = await daemon.client.token.create({ name, ...limits } as never);
    const body = table.map(([method, { example }], id) => ({ jsonrpc: "2.0", id, method, params: example.params }));
    const headers = { authorization: `Bearer ${token}` };
    const answered = await fetch(`http://127.0.0.1:${port}/rpc`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    const answers = (await answered.json()) as { id: number; error?: { message: string; data: { code: string } } }[];
    for (const { id, error } of answers) {
      const method = table[id]?.[0] ?? "";
      const { allowed, reasons } = await explain(`token:${name}`, method);
      if (error?.data.code !== "FORBIDDEN") expect({ name, method, allowed }).toEqual({ name, method, allowed: true });
      // What the params reach beyond a token's limits is refused later, and the explanation says so.
      else if (allowed) expect(reasons.join(" ")).toMatch(/Only (?:within|for) the/);
    }
  }
  expect(await explain("token:all-viewer", "agent.stop")).toMatchObject({ role: "viewer", allowed: false });
  expect(await explain("token:all-admin", "keystore.get")).toMatchObject({ role: "admin", allowed: false });
  expect(await explain("token:nobody", "agent.list")).toMatchObject({ role: null, allowed: false });
  expect(await explain("token:jwt-0123456789abcdef", "agent.list")).toMatchObject({ role: null, allowed: false });
}, 60_000);

test("tells of users, people in rooms, agents and loops what their calls are answered", async () => {
  const uid = process.getuid?.() ?? 0;
  expect(await explain(`user:${uid}`, "keystore.get")).toMatchObject({ role: "admin", allowed: true });
  expect(await explain("user:54321", "agent.list")).toMatchObject({ role: null, allowed: false });
  expect(await explain("matrix:@ann:example.org", "agent.stop")).toMatchObject({ role: "operator", allowed: true });
  expect(await explain("matrix:@ann:example.org", "token.create")).toMatchObject({ role: "operator", allowed: false });
  expect(await explain("matrix:@bob:example.org", "agent.list")).toMatchObject({ role: null, allowed: false });
  await daemon.client.access.assign({ principal: "matrix:@bob:example.org", role: "viewer" });
  expect(await explain("matrix:@bob:example.org", "agent.list")).toMatchObject({ role: "viewer", allowed: true });
  expect(await explain("matrix:@bob:example.org", "agent.stop")).toMatchObject({ role: "viewer", allowed: false });
  const asked = { role: "agent", allowed: true, needs_approval: true };
  expect(await explain("agent:heartbeat-1", "task.create")).toMatchObject(asked);
  expect(await explain("loop:heartbeat", "task.create")).toMatchObject(asked);
  expect(await explain("loop:system-monitor", "task.create")).toMatchObject({ ...asked, needs_approval: false });
  expect(await explain("agent:heartbeat-9", "agent.hello")).toMatchObject({ role: "agent", allowed: true });
  const typo = await explain("agent:heartbaet-1", "agent.hello");
  expect(typo).toMatchObject({ role: null, allowed: false, reasons: [expect.stringContaining("heartbeat?")] });
  const withheld = await explain("agent:system-monitor-1", "system.info");
  expect(withheld).toMatchObject({
    allowed: false,
    reasons: expect.arrayContaining([expect.stringContaining("grant")]),
  });
  const { error } = await agentCall(daemon, "system-monitor-1", "system.info", {});
  expect(error).toMatchObject({ data: { code: "FORBIDDEN" } });
  const { stdout } = await daemon.cli(["access", "explain", "loop:heartbeat", "keystore.get"]);
  expect(stdout).toContain("not agent");
}, 60_000);

test("names that nothing has are refused in tokens and limits, a limit needs a bound, and one that is set is shown", async () => {
  const { token, budget } = daemon.client;
  const refused = { code: "INVALID_PARAMS" };
  const create = (limits: object) => token.create({ name: "typo", role: "viewer", ...limits } as never);
  await expect(create({ methods: ["agent.lst"] })).rejects.toMatchObject({
    message: expect.stringContaining("agent.list"),
  });
  await expect(create({ methods: ["agnet.*"] })).rejects.toMatchObject({ message: expect.stringContaining("agent.*") });
  await expect(create({ channels: ["agent.heartbaet-1.>"] })).rejects.toMatchObject(refused);
  await expect(create({ agents: ["heartbaet-1"] })).rejects.toMatchObject({
    message: expect.stringContaining("heartbeat-1"),
  });
  const limit = { scope: "agent:*", window: "day" } as const;
  await expect(budget.set({ ...limit, scope: "agent:heartbaet-1", hard: 1 })).rejects.toMatchObject(refused);
  await expect(budget.set({ ...limit, scope: "provider:opneai", hard: 1 })).rejects.toMatchObject(refused);
  await expect(budget.set({ scope: "global", window: "day" })).rejects.toMatchObject(refused);
  const ofGlobal = (await budget.status({ scope: "global" })).limits;
  expect(ofGlobal).toHaveLength(2);
  await budget.set({ ...limit, hard: 1_000_000_000 });
  expect((await budget.status({})).limits).toEqual(
    expect.arrayContaining([expect.objectContaining({ scope: "agent:*", hard: 1_000_000_000, spent: 0 })]),
  );
  expect((await daemon.cli(["budget", "show"])).stdout).toContain("agent:* per day");
  expect((await daemon.cli(["budget", "unset", "agent:*"])).code).toBe(0);
  const again = await daemon.cli(["budget", "unset", "agent:*"]);
  expect([again.code, again.stderr]).toEqual([3, expect.stringContaining("No limit of agent:* per day")]);
  expect((await budget.status({})).limits).toHaveLength(2);
}, 60_000);
