import { type AnyMethod, type MethodName, methods, type Principal } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import * as z from "zod";
import { scopePolicy } from "../../bridge/access/index.ts";
import { createMethodTable } from "../../bridge/rpc/index.ts";

interface TokenLimits {
  readonly methods?: readonly string[];
  readonly channels?: readonly string[];
  readonly agents?: readonly string[];
}

const contract: Readonly<Record<string, AnyMethod>> = methods;
const names = Object.keys(contract) as MethodName[];
const handlers = Object.fromEntries(names.map((name) => [name, () => contract[name]?.example.result]));
const table = createMethodTable(contract, handlers);

/** Calls a method with its example through the policy, as a token with these limits. */
async function call(name: string, limits: TokenLimits, params = contract[name]?.example.params): Promise<unknown> {
  const entry = table.get(name);
  if (entry === undefined) throw new Error(`No method is named ${name}`);
  const principal: Principal = { kind: "token", id: "token:t", role: "admin", ...limits } as unknown as Principal;
  const refusal = scopePolicy.authorize(entry, principal);
  if (refusal !== undefined) throw refusal;
  const policed = { entry, principal, correlationId: "c", isAdmitted: true };
  return await scopePolicy.intercept(policed, entry.spec.params.parse(params), () => entry.spec.example.result);
}

/** Limits that cover none of the examples. */
const narrow: TokenLimits[] = [{ channels: ["project.>"] }, { agents: ["other-9"] }, { channels: [] }, { agents: [] }];
const ownConnection = ["rpc.ping", "rpc.cancel", "rpc.stream_credit", "rpc.authenticate"];
/** The names in a schema that show events, messages or agents. */
const showsMore = /EventEnvelope|MatrixMessage|DeadLetter|LogLine|AgentInfo|"(?:stt_|tts_)?agent_id"|"channel"/;

describe("the limits of a token, over all methods", () => {
  test.each(names)("%s is refused to a token of other methods", async (name) => {
    const isOwn = ownConnection.includes(name);
    const answer = call(name, { methods: ["none.*", `${name}s`] }).then(
      () => "answered",
      ({ code }) => code,
    );
    expect(await answer).toBe(isOwn ? "answered" : "FORBIDDEN");
    await call(name, { methods: [`${name.split(".")[0]}.*`] });
    await call(name, { methods: [name] });
  });

  test.each(names)("%s shows and changes nothing beyond the channels and agents of a token", async (name) => {
    const { scope, result, stream, params } = contract[name] as AnyMethod;
    for (const limits of narrow) {
      const answer = await call(name, limits).then(
        (value) => JSON.stringify(value),
        ({ code }) => String(code),
      );
      if (ownConnection.includes(name) || scope === "open") continue;
      if (scope !== undefined && typeof scope === "object" && "rows" in scope)
        expect(JSON.parse(answer)).toMatchObject({ [scope.rows]: [] });
      else expect(answer).toBe("FORBIDDEN");
    }
    if (scope !== "open" || name.startsWith("access.")) return;
    const texts = [result, stream, params].map((schema) =>
      schema === undefined ? "" : JSON.stringify(z.toJSONSchema(schema, { unrepresentable: "any", io: "input" })),
    );
    expect([name, ...texts.filter((text) => showsMore.test(text))]).toEqual([name]);
  });

  test("a call within a token's scope is answered", async () => {
    const own = { agents: ["heartbeat-1"] };
    expect(await call("agent.stop", own, { agent_id: "heartbeat-1" })).toBeDefined();
    expect(await call("agent.list", own)).toMatchObject({ agents: [{ agent_id: "heartbeat-1" }] });
    expect(await call("event.history", own, { channels: ["agent.heartbeat-1.>"] })).toBeDefined();
    expect(await call("event.history", { channels: ["project.>"] }, { channels: ["project.a"] })).toBeDefined();
    expect(await call("agent.logs", { channels: ["agent.>"] }, { agent_id: "heartbeat-2" })).toBeDefined();
    expect(await call("matrix.receive", { channels: ["matrix.>"] })).toBeDefined();
    const letters = { channels: ["agent.heartbeat-1.>"] };
    expect(await call("event.dead_letters", letters)).toMatchObject({ dead_letters: [{ dead_letter_id: 1 }] });
  });

  test("a call with a limited token must name the agent by its id", async () => {
    const own = { channels: ["agent.heartbeat-1.>"] };
    await expect(call("agent.stop", own, { container_id: "heartbeat-2.1" })).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
    await expect(call("agent.usage", own, {})).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(call("agent.start", own, { agent_type: "heartbeat" })).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(call("event.subscribe", { agents: ["heartbeat-1"] }, { channels: [">"] })).rejects.toThrow();
  });
});
