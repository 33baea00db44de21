import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";
import { listenerPort } from "../support/wire/listener-port.ts";

let daemon: TestDaemon;
let port = 0;

beforeAll(async () => {
  daemon = await startTestDaemon({ engine: "process", flags: ["--set", "listen.http.address=127.0.0.1:0"] });
  port = await listenerPort(daemon, "http listener");
}, 60_000);

afterAll(async () => await daemon[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly result?: Record<string, unknown>;
  readonly code?: string;
}

async function call(token: string, method: string, params: object = {}): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const response = await fetch(`http://127.0.0.1:${port}/rpc`, { method: "POST", headers, body });
  const { result, error } = (await response.json()) as {
    result?: Record<string, unknown>;
    error?: { data: { code: string } };
  };
  return { status: response.status, ...(result ? { result } : {}), ...(error ? { code: error.data.code } : {}) };
}

test("a token that a token created reaches no further, lives no longer, and ends with it", async () => {
  const limits = {
    methods: ["token.*", "agent.list"],
    channels: ["agent.heartbeat-1.>"],
    addresses: ["127.0.0.0/8"],
    expires_in_days: 1,
  };
  const parent = await daemon.client.token.create({ name: "parent", role: "admin", ...limits });
  const { token: unscoped } = await daemon.client.token.create({
    name: "maker",
    role: "admin",
    methods: ["token.*", "agent.list"],
    addresses: ["127.0.0.0/8"],
    expires_in_days: 1,
  });
  // A token of channels cannot reach token.create, which is about neither channels nor agents.
  expect((await call(parent.token, "token.create", { name: "c", role: "viewer" })).code).toBe("FORBIDDEN");
  for (const beyond of [
    { methods: ["agent.stop"] },
    { methods: ["agent.*"] },
    { addresses: ["0.0.0.0/0"] },
    { addresses: ["10.0.0.0/8"] },
    { addresses: ["::/0"] },
  ])
    expect([beyond, (await call(unscoped, "token.create", { name: "c", role: "admin", ...beyond })).code]).toEqual([
      beyond,
      "FORBIDDEN",
    ]);
  const child = await call(unscoped, "token.create", { name: "child", role: "admin", expires_in_days: 365 });
  expect(child.result).toMatchObject({
    methods: limits.methods,
    addresses: limits.addresses,
    created_by: "token:maker",
  });
  expect(Date.parse(String(child.result?.["expires_at"]))).toBeLessThan(Date.now() + 86_400_001);
  const ofChild = String(child.result?.["token"]);
  const grandchild = await call(ofChild, "token.create", {
    name: "grandchild",
    role: "viewer",
    methods: ["agent.list"],
  });
  const ofGrandchild = String(grandchild.result?.["token"]);
  expect((await call(ofGrandchild, "agent.list")).status).toBe(200);
  expect((await call(ofGrandchild, "token.list")).code).toBe("FORBIDDEN");
  expect((await call(ofChild, "access.assign", { principal: "matrix:@a:b.c", role: "admin" })).code).toBe("FORBIDDEN");
  await daemon.client.token.revoke({ name: "maker" });
  for (const token of [unscoped, ofChild, ofGrandchild]) expect((await call(token, "agent.list")).status).toBe(401);
  expect((await daemon.client.token.list({})).tokens.map(({ name }) => name)).toEqual(["parent"]);
}, 60_000);

test("wrong tokens leave an event, a record and a metric, and keep no right token out", async () => {
  const { token } = await daemon.client.token.create({ name: "watch", role: "viewer" });
  for (let n = 0; n < 6; n += 1) expect((await call("act_wrong", "agent.list")).status).toBeGreaterThanOrEqual(401);
  expect((await call(token, "agent.list")).status).toBe(200);
  const { events } = await until("the event", async () => {
    const history = await daemon.client.event.history({ channels: ["bridge.logins_refused"] });
    if (history.events.length === 0) throw new Error("There is no event yet");
    return history;
  });
  expect(JSON.stringify(events)).toContain("127.0.0.1");
  const record = await daemon.client.call("audit.tail", { limit: 100 });
  expect(JSON.stringify(record)).toContain("rpc.authenticate");
  const metrics = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  expect(await metrics.text()).toMatch(/^armorclaw_logins_refused_total [1-9]/m);
}, 60_000);
