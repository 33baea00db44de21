import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type AnyMethod, methods, roles } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { agentCall, asAgent } from "../support/engines/agent-line.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const key = "sk-proj-0123456789abcdefghijklmn";

/** A bridge with one heartbeat agent whose manifest requests two secrets and one configuration. */
async function start(port = 443, extra = ""): Promise<TestDaemon & { readonly configFile: string }> {
  const directory = tempDirectory();
  const configFile = join(directory.path, "config.toml");
  writeFileSync(
    configFile,
    `${extra}
[http]
private_hosts = ["127.0.0.1"]
[loops.heartbeat]
configs = ["agent.env"]
[[loops.heartbeat.secrets]]
name = "openai"
mode = "inject"
purpose = "thinking"
[[loops.heartbeat.secrets]]
name = "api"
mode = "use"
purpose = "calling"
destinations = [{ host = "127.0.0.1", port = ${port}, methods = ["GET", "POST"], path = "/v1" }]
`,
  );
  const daemon = await startTestDaemon({
    engine: "sandbox",
    start: ["heartbeat"],
    flags: ["--config", configFile],
    env: { ARMORCLAW_TEST_VALIDATE: "1" },
  });
  await until("the agent runs", async () => (await daemon.client.bridge.status()).agents.running === 1);
  const dispose = daemon[Symbol.asyncDispose].bind(daemon);
  return {
    ...daemon,
    configFile,
    [Symbol.asyncDispose]: async () => {
      await dispose();
      directory[Symbol.dispose]();
    },
  };
}

const code = (answer: { error?: { data: { code: string } } }) => answer.error?.data.code;

describe("a key through the real daemon", () => {
  test("is read from stdin, stored sealed, granted, claimed once, and revoked", async () => {
    await using daemon = await start();
    const stored = await daemon.cli(["keystore", "store", "--provider", "openai", "--json"], `${key}\n`);
    expect(JSON.parse(stored.stdout)).toMatchObject({ id: "openai", key_id: "openai", warnings: [] });
    const argv = await daemon.cli(["keystore", "store", "--provider", "openai", "--token", key]);
    expect([argv.code, argv.stderr.includes(key)]).toEqual([2, false]);

    const before = await agentCall(daemon, "heartbeat-1", "secret.claim");
    expect(before.result).toEqual({
      secrets: [],
      denied: [
        { name: "openai", reason: "not granted" },
        { name: "api", reason: "not granted" },
      ],
    });
    expect((await daemon.cli(["grant", "--loop", "heartbeat", "--name", "openai"])).code).toBe(0);
    expect(
      (await daemon.cli(["grant", "--loop", "heartbeat", "--name", "twilio", "--key-id", "openai"])).stderr,
    ).toContain("SECRET_NOT_ASKED_FOR");
    expect(code(await agentCall(daemon, "heartbeat-1", "secret.claim"))).toBe("SECRET_CLAIMED");
    await daemon.client.agent.restart({ agent_id: "heartbeat-1" });
    const claimed = await agentCall(daemon, "heartbeat-1", "secret.claim");
    expect(claimed.result?.["secrets"]).toEqual([{ name: "openai", mode: "inject", value: key, expires_at: null }]);
    expect(code(await agentCall(daemon, "heartbeat-1", "secret.claim"))).toBe("SECRET_CLAIMED");

    const revoked = await daemon.client.access.revoke({ loop: "heartbeat", name: "openai" });
    expect(revoked).toMatchObject({ revoked: true, holders: ["heartbeat-1"] });
    expect(revoked.closed_connections).toBeGreaterThan(0);
    const { records } = await daemon.client.audit.tail({ limit: 100 });
    const acts = records.map(({ method, principal, result }) => `${principal} ${method} ${result}`);
    expect(acts).toContain("user:0 keystore.store ok");
    expect(acts).toContain("agent:heartbeat-1 secret.claim ok");
    expect(acts).toContain("agent:heartbeat-1 secret.claim SECRET_CLAIMED");
    expect(acts).toContain("user:0 access.revoke ok");
    expect(await daemon.client.audit.verify()).toMatchObject({ ok: true });
    expect(readFileSync(join(daemon.directories.state, "store.db")).includes(key)).toBe(false);
  }, 60_000);

  test("is used for an agent that never sees it, and only at the hosts of its grant", async () => {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      response.end(`you sent ${request.headers.authorization}`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    server.unref();
    const rule = `[[approvals.rules]]\nmethod = "http.request"\nhttp_methods = ["POST"]\n`;
    await using daemon = await start(port, rule);
    await daemon.client.keystore.store({ provider: "openai", id: "api", token: key });
    await daemon.client.access.grant({ loop: "heartbeat", name: "api" });
    const claim = await agentCall(daemon, "heartbeat-1", "secret.claim");
    const token = (claim.result as { secrets: { value: string }[] }).secrets[0]?.value ?? "";
    expect(token).toMatch(/^acp_/);
    const call = (url: string, method = "GET", body?: string) =>
      agentCall(daemon, "heartbeat-1", "http.request", {
        url,
        method,
        headers: { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body }),
      });
    const url = `http://127.0.0.1:${port}/v1/models`;
    expect((await call(url)).result).toMatchObject({ status: 200, body: `you sent Bearer ${token}` });
    expect(seen[0]?.authorization).toBe(`Bearer ${key}`);
    expect(code(await call(`http://127.0.0.1:${port}/admin`))).toBe("DESTINATION_REFUSED");

    const asked = await call(url, "POST", "\u202e{}\u001b[2J");
    expect(code(asked)).toBe("APPROVAL_PENDING");
    const shown = await daemon.cli(["approvals"]);
    expect(shown.stdout).toContain("agent:heartbeat-1 asks for http.request");
    expect(shown.stdout).toContain("[secret api]");
    expect(shown.stdout).toContain("\\u{202e}{}");
    expect(shown.stdout).not.toMatch(/[\u001b\u202e]/);
    const id = asked.error?.data.details?.["approval_id"] as string;
    expect((await daemon.cli(["approve", id])).code).toBe(0);
    expect(code(await call(url, "POST", "another body"))).toBe("APPROVAL_PENDING");
    expect((await call(url, "POST", "\u202e{}\u001b[2J")).result).toMatchObject({ status: 200 });
    expect(code(await call(url, "POST", "\u202e{}\u001b[2J"))).toBe("APPROVAL_PENDING");
    expect((await daemon.cli(["approve", id])).stderr).toContain("APPROVAL_SETTLED");

    await daemon.client.access.revoke({ loop: "heartbeat", name: "api" });
    expect(code(await call(url))).toBe("SECRET_TOKEN_INVALID");
    server.closeAllConnections();
    server.close();
  }, 60_000);
});

test("a configuration is attached, read by the agents that list it, and changed by an agent only through a person", async () => {
  await using daemon = await start();
  for (const name of ["../../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "..", "", "a\u0000"])
    await expect(daemon.client.config.attach({ name, content: "x" })).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  const attached = await daemon.client.call("attach_config" as "config.attach", {
    name: "agent.env",
    content: "QT0x",
    encoding: "base64",
  });
  expect(attached).toMatchObject({
    config_id: "config-agent.env-1",
    name: "agent.env",
    path: "configs/agent.env",
    size: 3,
    encoding: "base64",
  });
  await daemon.client.config.attach({ name: "other", content: "x" });
  expect((await agentCall(daemon, "heartbeat-1", "config.get", { name: "agent.env" })).result).toMatchObject({
    content: "QT0x",
    version: 1,
  });
  expect(code(await agentCall(daemon, "heartbeat-1", "config.get", { name: "other" }))).toBe("FORBIDDEN");
  expect(code(await agentCall(daemon, "heartbeat-1", "config.attach", { name: "agent.env", content: "x" }))).toBe(
    "FORBIDDEN",
  );
  expect(
    (await agentCall(daemon, "heartbeat-1", "event.subscribe", { channels: ["config.agent.env.attached"] })).result,
  ).toBeDefined();
  expect(code(await agentCall(daemon, "heartbeat-1", "event.subscribe", { channels: ["config.other.attached"] }))).toBe(
    "FORBIDDEN",
  );

  const propose = (content: string) =>
    agentCall(daemon, "heartbeat-1", "config.propose", { name: "agent.env", content });
  const first = (await propose("A=2")).result as { approval_id: string; request: string };
  expect(JSON.parse(first.request)).toMatchObject({ diff: "-A=1\n+A=2" });
  const second = (await propose("A=3")).result as { approval_id: string };
  await daemon.client.approval.approve({ approval_id: first.approval_id });
  expect((await daemon.client.config.get({ name: "agent.env" })).content).toBe("A=2");
  await expect(daemon.client.approval.approve({ approval_id: second.approval_id })).rejects.toMatchObject({
    code: "CONFIG_CHANGED",
  });
  expect((await daemon.client.config.list({})).count).toBe(2);
}, 60_000);

test("without the means to record them, privileged acts are refused and reads go on", async () => {
  await using daemon = await startTestDaemon({ engine: "process", flags: ["--set", "keystore.source=passphrase"] });
  await expect(daemon.client.keystore.store({ provider: "openai", token: key })).rejects.toMatchObject({
    code: "AUDIT_UNAVAILABLE",
  });
  expect(await daemon.client.keystore.list({})).toEqual([]);
  expect((await daemon.client.bridge.status()).state).toBe("running");
  const unlocked = await daemon.cli(["keystore", "unlock"], "correct horse\n");
  expect(unlocked.code).toBe(0);
  await daemon.client.keystore.store({ provider: "openai", token: key });
  await daemon.client.keystore.lock({});
  await expect(daemon.client.keystore.get({ id: "openai" })).rejects.toMatchObject({ code: "KEYSTORE_LOCKED" });
  expect((await daemon.cli(["keystore", "unlock"], "wrong\n")).code).toBe(11);
  expect((await daemon.cli(["keystore", "unlock"], "correct horse\n")).code).toBe(0);
  expect((await daemon.cli(["keystore", "rekey"], "battery staple\n")).code).toBe(0);
  await daemon.client.keystore.lock({});
  expect((await daemon.cli(["keystore", "unlock"], "correct horse\n")).code).toBe(11);
  expect((await daemon.cli(["keystore", "unlock"], "battery staple\n")).code).toBe(0);
  const { records } = await daemon.client.audit.tail({});
  expect(records.map(({ method, result }) => `${method} ${result}`)).toEqual([
    "keystore.unlock ok",
    "keystore.store ok",
    "keystore.lock ok",
    "keystore.get KEYSTORE_LOCKED",
    "keystore.unlock KEYSTORE_WRONG_KEY",
    "keystore.unlock ok",
    "keystore.rekey ok",
    "keystore.lock ok",
    "keystore.unlock KEYSTORE_WRONG_KEY",
    "keystore.unlock ok",
  ]);
}, 60_000);

test("every method × every role is as the contract declares, and no parameter changes who the caller is", async () => {
  await using daemon = await start();
  const table = Object.entries(methods) as [string, AnyMethod][];
  for (const role of roles.filter((one) => one !== "agent")) {
    await daemon.client.token.create({ name: role, role });
    const principal = `token:${role}`;
    for (const [method, spec] of table) {
      const { allowed } = await daemon.client.access.explain({ principal, method });
      const isAdmitted = spec.roles.includes(role) && spec.atOwnSocket !== true;
      expect({ method, role, allowed }).toEqual({ method, role, allowed: isAdmitted });
    }
  }
  for (const principal of ["user:4242", "agent:heartbeat-1"])
    await expect(daemon.client.access.assign({ principal, role: "admin" })).rejects.toMatchObject({
      code: "ROLE_FIXED",
    });
  const forbidden = table.filter(([, spec]) => !spec.roles.includes("agent"));
  const refused = await asAgent(
    daemon,
    "heartbeat-1",
    forbidden.map(([method, { example }]) => ({ method, params: example.params as object })),
  );
  expect(refused.map(code)).toEqual(forbidden.map(() => "FORBIDDEN"));
  // A parameter with an identity, in any method that an agent may call, is refused or ignored.
  const identities = [
    "agent_id",
    "principal",
    "role",
    "user",
    "uid",
    "as",
    "on_behalf_of",
    "scopes",
    "requester",
    "loop",
    "token",
  ];
  const open = table.filter(
    ([name, spec]) => spec.roles.includes("agent") && spec.stream === undefined && !name.startsWith("rpc."),
  );
  const spoofs = open.flatMap(([method, { example, params }]) =>
    identities
      .filter((field) => !Object.hasOwn((params as { shape?: object }).shape ?? {}, field))
      .map((field) => ({ method, params: { ...(example.params as object), [field]: "agent:system-monitor-1" } })),
  );
  const answers = await asAgent(daemon, "heartbeat-1", spoofs);
  const taken = answers.flatMap((answer, index) =>
    ["INVALID_PARAMS", "APPROVAL_NOT_FOUND", "FORBIDDEN"].includes(String(code(answer)))
      ? []
      : [{ spoof: spoofs[index], answer }],
  );
  expect(taken).toEqual([]);
  expect(spoofs.length).toBeGreaterThan(100);
  expect((await agentCall(daemon, "heartbeat-1", "access.whoami")).result).toMatchObject({
    principal: "agent:heartbeat-1",
    role: "agent",
  });
}, 60_000);

test("long questions of an agent do not make the list of questions too long to send", async () => {
  await using daemon = await start();
  const details = { text: "x".repeat(60_000) };
  const asked = Array.from({ length: 20 }, (_, n) => ({
    method: "approval.request",
    params: { action: `act ${n}`, details },
  }));
  const answers = await asAgent(daemon, "heartbeat-1", asked);
  const first = answers[0]?.result as { approval_id: string };
  const { approvals } = await daemon.client.approval.list({});
  expect(approvals.length).toBe(answers.filter(({ error }) => error === undefined).length);
  for (const { request, is_request_cut } of approvals) {
    expect(is_request_cut).toBe(true);
    expect(request.length).toBeLessThan(20_000);
  }
  expect((await daemon.client.approval.get({ approval_id: first.approval_id })).request).toContain(details.text);
  const { stdout } = await daemon.cli(["approval", "list"]);
  expect(stdout).toContain("shows the whole request");
}, 60_000);
