import { AgentId, methods, type Principal } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { chargeAgents } from "./agent-quota.ts";

const agentId = AgentId.parse("heartbeat-1");
const agent: Principal = { kind: "agent", id: `agent:${agentId}`, role: "agent", agentId } as Principal;
const person: Principal = { kind: "user", id: "user:0", role: "admin", uid: 0 } as Principal;

function open(bytesMax: number) {
  const charges: number[] = [];
  const intercept = chargeAgents(
    {
      takeEventQuota: (_, bytes) => {
        charges.push(bytes);
        return bytes <= bytesMax;
      },
    },
    (_call, _params, handle) => handle(),
  );
  const call = (name: string, params: object, principal = agent) =>
    intercept({ entry: { name }, principal } as never, params, () => "done");
  return { call, charges };
}

describe("An agent's quota", () => {
  test("counts the bytes of what it sends, whichever method stores it, and refuses before the handler runs", () => {
    const { call, charges } = open(1_000);
    expect(call("agent.send", { data: "x" })).toBe("done");
    for (const method of [
      "agent.send",
      "event.publish",
      "task.create",
      "task.update",
      "matrix.send",
      "approval.request",
    ])
      expect(() => call(method, { data: "x".repeat(2_000) })).toThrow(/more than its quota allows/);
    expect(charges[0]).toBe('{"data":"x"}'.length);
  });

  test("does not count reads, and does not apply to people", () => {
    const { call, charges } = open(0);
    expect(call("event.history", {})).toBe("done");
    expect(call("event.publish", {}, person)).toBe("done");
    expect(charges).toEqual([]);
  });

  test("covers each method by which agents write, except those that have limits of their own", () => {
    const { call } = open(-1);
    const isCharged = (name: string) => {
      try {
        call(name, {});
        return false;
      } catch {
        return true;
      }
    };
    const free = Object.entries(methods)
      .filter(
        ([name, { roles, effect }]) =>
          (roles as readonly string[]).includes("agent") && effect === "write" && !isCharged(name),
      )
      .map(([name]) => name)
      .toSorted();
    expect(free).toEqual([
      "agent.heartbeat",
      "agent.hello",
      "budget.reserve",
      "budget.settle",
      "http.request",
      "llm.chat",
      "secret.claim",
      "task.claim",
    ]);
  });
});
