import { type AnyEvent, type AnyMethod, errorCatalogue, events, methods, roles } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { exitCodes, exitOfErrorCode } from "../../bridge/cli/core/exit-codes.ts";
import { callErrorNumbers, callEventTypes, callMethodRoles } from "./call-pins.ts";
import { eventErrorNumbers, eventEventTypes, eventMethodRoles } from "./events-pins.ts";
import { guardClassicNames, guardErrorNumbers, guardEventTypes, guardMethodRoles } from "./guards-pins.ts";
import { matrixErrorNumbers, matrixEventTypes, matrixMethodRoles } from "./matrix-pins.ts";
import { wireErrorNumbers, wireMethodRoles } from "./wire-pins.ts";

/** The names that clients rely on, as literals: a change here is a deliberate change of the wire. */
const methodRoles: Record<string, string> = {
  ...guardMethodRoles,
  ...eventMethodRoles,
  ...matrixMethodRoles,
  ...callMethodRoles,
  ...wireMethodRoles,
  "bridge.status": "admin operator viewer",
  "bridge.health": "admin operator viewer",
  "bridge.doctor": "admin operator",
  "bridge.shutdown": "admin",
  "bridge.panic": "admin operator",
  "bridge.resume": "admin operator",
  "rpc.discover": "admin operator viewer agent",
  "rpc.ping": "admin operator viewer agent",
  "rpc.cancel": "admin operator viewer agent",
  "rpc.stream_credit": "admin operator viewer agent",
  "agent.start": "admin operator",
  "agent.stop": "admin operator",
  "agent.restart": "admin operator",
  "agent.pause": "admin operator",
  "agent.resume": "admin operator",
  "agent.remove_workspace": "admin operator",
  "agent.list": "admin operator viewer",
  "agent.get": "admin operator viewer",
  "agent.logs": "admin operator viewer",
  "agent.usage": "admin operator viewer",
  "agent.hello": "agent",
  "agent.heartbeat": "agent",
  "agent.report": "agent",
  "loop.list": "admin operator viewer",
  "loop.get": "admin operator viewer",
  "event.subscribe": "admin operator viewer agent",
  "event.unsubscribe": "admin operator viewer agent",
  "event.publish": "admin operator agent",
  "event.history": "admin operator viewer",
  "system.info": "admin operator viewer agent",
  "budget.status": "admin operator viewer agent",
  "budget.set": "admin operator",
  "budget.report": "admin operator viewer",
  "budget.topup": "admin operator agent",
  "budget.reserve": "admin operator agent",
  "budget.settle": "admin operator agent",
  "llm.chat": "admin operator agent",
  "llm.models": "admin operator viewer agent",
};

const classicNames: Record<string, string> = {
  ...guardClassicNames,
  status: "bridge.status",
  health: "bridge.health",
  start: "agent.start",
  stop: "agent.stop",
};

const errorNumbers: Record<string, number> = {
  ...guardErrorNumbers,
  ...eventErrorNumbers,
  ...matrixErrorNumbers,
  ...callErrorNumbers,
  ...wireErrorNumbers,
  PARSE_ERROR: -32700,
  INVALID_REQUEST: -32600,
  METHOD_NOT_FOUND: -32601,
  INVALID_PARAMS: -32602,
  INTERNAL: -32603,
  UNAUTHENTICATED: -32000,
  FORBIDDEN: -32001,
  RATE_LIMITED: -32002,
  SHUTTING_DOWN: -32003,
  CANCELLED: -32004,
  TIMED_OUT: -32005,
  FRAME_TOO_LARGE: -32006,
  TOO_MANY_IN_FLIGHT: -32007,
  DUPLICATE_ID: -32008,
  TOO_MANY_CONNECTIONS: -32009,
  TOO_MANY_SUBSCRIPTIONS: -32010,
  SUBSCRIPTION_NOT_FOUND: -32011,
  CONFIG_INVALID: -32012,
  STATE_UNUSABLE: -32013,
  SOCKET_PATH_TOO_LONG: -32014,
  RUNTIME_DIR_UNSAFE: -32015,
  SERVER_NOT_TRUSTED: -32021,
  ALREADY_RUNNING: -32016,
  AGENT_ALREADY_RUNNING: -1,
  AGENT_NOT_FOUND: -2,
  KEY_NOT_FOUND: -3,
  LOOP_NOT_FOUND: 1101,
  AGENT_START_FAILED: 1102,
  AGENT_LIMIT_REACHED: 1103,
  AGENT_STATE_CONFLICT: 1104,
  BRIDGE_PANICKED: 1105,
  AGENT_OVERLOADED: 1106,
  ENGINE_UNAVAILABLE: 1110,
  ISOLATION_REFUSED: 1111,
  ATTESTATION_FAILED: 1112,
  IMAGE_BUILD_FAILED: 1113,
  RUNTIME_UNKNOWN: 1114,
  STORE_FULL: 1701,
  STORE_FAILED: 1702,
  STORE_BUSY: 1703,
  BUDGET_EXCEEDED: 1301,
  BUDGET_FROZEN: 1302,
  BUDGET_LIMIT_NOT_FOUND: 1309,
  RESERVATION_NOT_FOUND: 1303,
  PRICE_UNKNOWN: 1304,
  BUDGET_WINDOW_OVER: 1305,
  RUNAWAY_LIMIT: 1306,
  NO_NEW_INPUT: 1307,
  BUDGET_NOT_GRANTED: 1308,
  LLM_MODEL_NOT_FOUND: 1321,
  LLM_MODEL_NOT_ALLOWED: 1322,
  LLM_REQUEST_REFUSED: 1323,
  LLM_PROVIDER_REFUSED: 1324,
  LLM_PROVIDER_UNAVAILABLE: 1325,
  LLM_STREAM_FAILED: 1326,
  LLM_CUT: 1327,
};

const eventTypes: Record<string, readonly [channel: string, priority: string]> = {
  ...guardEventTypes,
  ...eventEventTypes,
  ...matrixEventTypes,
  ...callEventTypes,
  "agent.started": ["agent.<agent_id>.started", "normal"],
  "agent.heartbeat": ["agent.<agent_id>.heartbeat", "low"],
  "agent.reported": ["agent.<agent_id>.reported", "normal"],
  "agent.adopted": ["agent.<agent_id>.adopted", "normal"],
  "agent.died": ["agent.<agent_id>.died", "high"],
  "agent.hung": ["agent.<agent_id>.hung", "high"],
  "agent.paused": ["agent.<agent_id>.paused", "normal"],
  "agent.resumed": ["agent.<agent_id>.resumed", "normal"],
  "agent.suspended": ["agent.<agent_id>.suspended", "normal"],
  "agent.woken": ["agent.<agent_id>.woken", "normal"],
  "agent.exited": ["agent.<agent_id>.exited", "high"],
  "agent.restarted": ["agent.<agent_id>.restarted", "normal"],
  "agent.stopped": ["agent.<agent_id>.stopped", "normal"],
  "agent.failed": ["agent.<agent_id>.failed", "critical"],
  "bridge.started": ["bridge.started", "normal"],
  "bridge.draining": ["bridge.draining", "high"],
  "bridge.panicked": ["bridge.panicked", "critical"],
  "bridge.resumed": ["bridge.resumed", "high"],
  "bridge.engine_unreachable": ["bridge.engine_unreachable", "critical"],
  "bridge.engine_reachable": ["bridge.engine_reachable", "high"],
  "budget.threshold_crossed": ["budget.limit.threshold_crossed", "high"],
  "budget.exhausted": ["budget.limit.exhausted", "critical"],
  "budget.limit_changed": ["budget.limit.limit_changed", "normal"],
  "budget.topped_up": ["budget.limit.topped_up", "high"],
  "budget.frozen": ["budget.agent.frozen", "critical"],
  "budget.thawed": ["budget.agent.thawed", "normal"],
  "budget.overrun": ["budget.reservation.overrun", "high"],
  "budget.expired": ["budget.reservation.expired", "high"],
  "llm.provider_unavailable": ["llm.<provider>.provider_unavailable", "high"],
  "llm.provider_recovered": ["llm.<provider>.provider_recovered", "normal"],
  "llm.fallback_used": ["llm.broker.fallback_used", "normal"],
  "llm.runaway_limit_reached": ["llm.<agent_id>.runaway_limit_reached", "high"],
  "llm.answer_cut": ["llm.broker.answer_cut", "high"],
};

const exits: Record<string, number> = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  permission: 4,
  unreachable: 5,
  conflict: 6,
  budget: 7,
  approval: 8,
  timeout: 9,
  configInvalid: 10,
  keystore: 11,
  degraded: 12,
  interrupted: 130,
};

const methodEntries: [string, AnyMethod][] = Object.entries(methods);
const eventEntries: [string, AnyEvent][] = Object.entries(events);

describe("methods", () => {
  test("have these names and roles", () => {
    expect(Object.fromEntries(methodEntries.map(([name, { roles: who }]) => [name, who.join(" ")]))).toEqual(
      methodRoles,
    );
  });

  test("keep these classic names", () => {
    const names = methodEntries.flatMap(([name, { aliases = [] }]) => aliases.map((alias) => [alias, name]));
    expect(Object.fromEntries(names)).toEqual(classicNames);
  });

  const grid = methodEntries.flatMap(([name, method]) => roles.map((role) => [role, name, method] as const));
  test.each(grid)("%s × %s is as pinned", (role, name, method) => {
    expect(method.roles.includes(role)).toBe((methodRoles[name] ?? "").split(" ").includes(role));
  });

  test.each(methodEntries)(
    "%s: its example's params and result parse, and an unknown param does not",
    (_name, method) => {
      method.params.parse(method.example.params);
      method.result.parse(method.example.result);
      expect(method.params.safeParse({ ...(method.example.params as object), no_such_param: 1 }).success).toBe(false);
    },
  );

  test.each(methodEntries)("%s declares only errors of the catalogue, each once", (_name, { errors }) => {
    expect(errors.filter((code) => !Object.hasOwn(errorCatalogue, code))).toEqual([]);
    expect(new Set(errors).size).toBe(errors.length);
  });
});

describe("errors", () => {
  const rows = Object.entries(errorCatalogue);

  test("have these numbers, one to one", () => {
    expect(Object.fromEntries(rows.map(([code, { rpcCode }]) => [code, rpcCode]))).toEqual(errorNumbers);
    expect(new Set(rows.map(([, { rpcCode }]) => rpcCode)).size).toBe(rows.length);
  });

  test.each(rows)("%s says what happened and what to do, without a final period", (_code, { summary, remedy }) => {
    expect(summary).toMatch(/^[A-Z].*[^.]$/);
    expect(remedy).toMatch(/[^.]$/);
  });

  test("each have an exit code of the command line", () => {
    expect(rows.map(([code]) => code).filter((code) => !Object.hasOwn(exitOfErrorCode, code))).toEqual([]);
  });
});

describe("events", () => {
  test("have these types, channels and priorities", () => {
    expect(
      Object.fromEntries(eventEntries.map(([type, { channel, priority }]) => [type, [channel, priority]])),
    ).toEqual(eventTypes);
  });

  test.each(eventEntries)("%s: its example parses, and its channel ends with the event's name", (type, event) => {
    event.data.parse(event.example);
    // On the channel of another domain, such as an agent's own, the last segment contains this domain, too.
    const [domain, happened] = [type.split(".")[0], type.split(".").at(-1)];
    expect([happened, `${domain}_${happened}`]).toContain(event.channel.split(".").at(-1));
  });
});

test("these are the exit codes", () => {
  expect(exitCodes).toEqual(exits);
});
