import type { AgentId, Principal } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import * as z from "zod";
import { fixture } from "../../../tests/support/wire/fixture-methods.ts";
import { serveFixtures } from "../../../tests/support/wire/serve.ts";
import { WireClient } from "../../../tests/support/wire/wire-client.ts";
import type { AnyHandler } from "../index.ts";

const agent: Principal = { kind: "agent", id: "agent:loud-1", agentId: "loud-1" as AgentId, role: "agent" };
const admin: Principal = { kind: "user", id: "user:0", uid: 0, role: "admin" };

/** Keeps the thread for so many milliseconds. */
const spin: AnyHandler = (params: readonly [number]) => {
  const [ms] = params;
  for (const end = performance.now() + ms; performance.now() < end; );
  return "done";
};
const methods = { spin: [fixture(z.array(z.number())), spin] } as const;
const call = (method: string, id: number, params: unknown = []) =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params });

/** A server, an agent on it and an admin. */
async function openBoth(limits = {}) {
  const stack = new AsyncDisposableStack();
  let next: Principal = agent;
  const served = stack.use(await serveFixtures({ methods, limits, principal: () => next }));
  const loud = stack.use(await WireClient.open(served.path));
  await loud.call("ping");
  next = admin;
  const operator = stack.use(await WireClient.open(served.path));
  await operator.call("ping");
  const openAgent = async () => {
    next = agent;
    return stack.use(await WireClient.open(served.path));
  };
  return { served, loud, operator, openAgent, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("a principal that has taken its share of the thread is read later, and nothing of it is lost", async () => {
  await using both = await openBoth({ busyMsPerS: 40 });
  const { loud, operator } = both;
  const first = loud.lines.length;
  for (let id = 0; id < 12; id++) loud.send(call("spin", id, [40]));
  // 480 ms of work: 200 at once, and the rest takes seven seconds. The operator's calls do not wait for it.
  await loud.until(() => loud.lines.length - first >= 5, "the work that is done at once");
  for (let pings = 0; pings < 20; pings++) expect((await operator.call("ping")).result).toBe("pong");
  expect(loud.lines.length - first).toBeLessThan(12);
  await loud.until(() => loud.lines.length - first === 12, "the rest");
  expect(loud.lines.slice(first).map((line) => (JSON.parse(line) as { id: number }).id)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
  ]);
}, 30_000);

test("a principal that reconnects has no new share", async () => {
  await using both = await openBoth({ busyMsPerS: 50 });
  const { loud, operator, openAgent } = both;
  loud.send(call("spin", 1, [400]));
  await loud.until(() => loud.lines.length === 2, "the answer");
  await loud[Symbol.asyncDispose]();
  const again = await openAgent();
  again.send(call("ping", 2));
  for (let pings = 0; pings < 20; pings++) await operator.call("ping");
  expect(again.lines).toEqual([]);
  expect((await again.next()).result).toBe("pong");
});

test("a connection with much to do lets others have their turn", async () => {
  await using both = await openBoth();
  const { operator, served } = both;
  await using other = await WireClient.open(served.path);
  await other.call("ping");
  const first = operator.lines.length;
  operator.socket.write(Array.from({ length: 400 }, (_, id) => `${call("spin", id, [2])}\n`).join(""));
  await operator.until(() => operator.lines.length > first, "the first turn");
  expect((await other.call("ping")).result).toBe("pong");
  expect(operator.lines.length - first).toBeLessThan(400);
  await operator.until(() => operator.lines.length - first === 400, "the rest");
}, 30_000);

test("a flood of lines that are no requests ends the connection, and is counted", async () => {
  await using both = await openBoth();
  const { served, loud, operator } = both;
  const flood = "nonsense\n[1]\n".repeat(1_000);
  operator.socket.write(flood);
  loud.socket.write(flood);
  await loud.ended();
  expect(loud.lines.at(-1)).toContain("RATE_LIMITED");
  await operator.until(() => operator.lines.length > 2_000, "an answer for each");
  expect(served.server.stats).toMatchObject({ cut: 1 });
  expect(served.server.stats.invalid).toBeGreaterThan(3_000);
});
