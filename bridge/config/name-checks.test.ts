import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BridgeError } from "@armorclaw/protocol";
import { afterAll, describe, expect, test } from "@jest/globals";
import { defaultRules, rulesOf } from "../alerts/rules.ts";
import { loadConfig } from "./index.ts";
import { defaultAlertRules } from "./known-names.ts";

const directory = mkdtempSync(join(tmpdir(), "armorclaw-names-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** A configuration with valid names, which each case changes in one place. */
const right = `
[[approvals.rules]]
method = "http.request"
loops = ["heartbeat"]
hosts = ["api.example.com"]
http_methods = ["POST"]
answerers = ["user:1000", "matrix:@ann:example.org"]
[[loops.heartbeat.secrets]]
name = "api"
mode = "use"
purpose = "test"
destinations = [{ host = "api.example.com" }]
[loops.system-monitor]
after = ["heartbeat"]
rooms = ["!one:example.org"]
subscriptions = ["agent.heartbeat-1.>", "budget.>", "project.>", "*.news"]
[matrix]
rooms = ["!one:example.org", "!two:example.org"]
approval_room = "!two:example.org"
[webrtc]
origins = ["https://example.org"]
[webrtc.room_agents."!one:example.org"]
agent = "voice-echo-1"
[listen.websocket]
origins = ["https://example.org:8443"]
[http]
private_hosts = ["10.0.0.1", "[::1]", "nas.local"]
[llm.providers.openai]
kind = "openai"
base_url = "https://api.openai.com/v1"
models = ["gpt-5", "gpt-5-mini"]
[llm.policies.heartbeat]
models = ["openai/*"]
[llm.policies.system-monitor-2]
models = ["openai/gpt-5"]
[llm.fallbacks]
"openai/gpt-5" = ["openai/gpt-5-mini"]
[budget.prices."openai/gpt-5"]
input = 1
output = 2
[budget.service_prices]
"acme.fax.page" = 0.5
[[budget.limits]]
scope = "agent:heartbeat-1"
window = "day"
hard = 1
[[budget.limits]]
scope = "loop:*"
window = "day"
hard = 1
[[budget.limits]]
scope = "provider:acme"
window = "day"
soft = 1
[[budget.limits]]
scope = "model:openai/gpt-5"
window = "day"
hard = 1
[[budget.limits]]
scope = "model:twilio.sms.us"
window = "day"
hard = 1
[[budget.limits]]
scope = "run:nightly"
window = "all"
hard = 1
[alerts]
off = ["agent-exited"]
[[alerts.rules]]
name = "lost"
types = ["agent.failed", "project.lost"]
text = "{agent_id} lost {what}"
recovered_by = ["agent.started"]
[[alerts.rules]]
name = "mine"
types = ["agent.exited"]
text = "{agent_id}: {exit.message}"
[alerts.rules.data]
agent_id = "heartbeat-1"
`;

function messageFor(toml: string): string {
  const file = join(directory, "config.toml");
  writeFileSync(file, toml);
  try {
    loadConfig({ flags: { config: file }, env: { HOME: "/home/ann" }, uid: process.getuid?.(), platform: "linux" });
  } catch (error) {
    if (error instanceof BridgeError) return error.message;
    throw error;
  }
  return "valid";
}

describe("names in a configuration", () => {
  test("are accepted when something has them", () => {
    expect(messageFor(right)).toBe("valid");
  });

  test.each([
    ['method = "http.request"', 'method = "http.reqest"', "approvals.rules.0.method", "http.request"],
    ['method = "http.request"', 'method = "agent.start"', "approvals.rules.0.method", "The role agent may not call"],
    ['loops = ["heartbeat"]', 'loops = ["heartbaet"]', "approvals.rules.0.loops.0", "heartbeat"],
    ['loops = ["heartbeat"]', "loops = []", "approvals.rules.0.loops", "The list is empty"],
    ['hosts = ["api.example.com"]', 'hosts = ["api.exmaple.com"]', "approvals.rules.0.hosts.0", "api.example.com"],
    ['hosts = ["api.example.com"]', 'hosts = ["API.example.com"]', "approvals.rules.0.hosts.0", "api.example.com"],
    ['hosts = ["api.example.com"]', 'hosts = ["https://api.example.com/"]', "approvals.rules.0.hosts.0", "host name"],
    ['hosts = ["api.example.com"]', 'hosts = ["*.example.com"]', "approvals.rules.0.hosts.0", "host name"],
    ['hosts = ["api.example.com"]', 'hosts = ["api.example.com:443"]', "approvals.rules.0.hosts.0", "host name"],
    ['http_methods = ["POST"]', 'http_methods = ["post"]', "approvals.rules.0.http_methods.0", "POST"],
    ['answerers = ["user:1000"', 'answerers = ["ann"', "approvals.rules.0.answerers.0", "Expected user:UID"],
    ['answerers = ["user:1000"', 'answerers = ["agent:heartbeat-1"', "approvals.rules.0.answerers.0", "no person"],
    ["[[loops.heartbeat.secrets]]", "[[loops.heartbaet.secrets]]", "loops.heartbaet", "heartbeat"],
    ['after = ["heartbeat"]', 'after = ["hartbeat"]', "loops.system-monitor.after.0", "heartbeat"],
    ['after = ["heartbeat"]', 'after = ["system-monitor"]', "loops.system-monitor.after.0", "after itself"],
    ['rooms = ["!one:example.org"]', 'rooms = ["!onne:example.org"]', "loops.system-monitor.rooms.0", "!one:"],
    ['"agent.heartbeat-1.>"', '"agent.heartbaet-1.>"', "loops.system-monitor.subscriptions.0", "heartbeat-1"],
    ['"agent.heartbeat-1.>"', '"agnet.heartbeat-1.>"', "loops.system-monitor.subscriptions.0", "agent.heartbeat-1.>"],
    ['"budget.>"', '"budget.limit.exhuasted"', "loops.system-monitor.subscriptions.1", "budget.limit.exhausted"],
    ['approval_room = "!two', 'approval_room = "!tow', "matrix.approval_room", "!two:example.org"],
    ['room_agents."!one:', 'room_agents."!on:', "webrtc.room_agents.!on:example.org", "!one:example.org"],
    ['agent = "voice-echo-1"', 'agent = "voice-ehco-1"', ".agent", "voice-echo-1"],
    ['agent = "voice-echo-1"', 'agent = "voice-echo"', ".agent", "voice-echo-1"],
    ['origins = ["https://example.org"]', 'origins = ["https://example.org/"]', "webrtc.origins.0", "example.org?"],
    ["https://example.org:8443", "example.org", "listen.websocket.origins.0", "Expected an origin"],
    ['"nas.local"', '"NAS.local"', "http.private_hosts.2", "nas.local"],
    ["[llm.policies.heartbeat]", "[llm.policies.heartbeet]", "llm.policies.heartbeet", "heartbeat"],
    ["[llm.policies.system-monitor-2]", "[llm.policies.system-moniter-2]", "llm.policies.system-moniter-2", "No loop"],
    ['models = ["openai/*"]', 'models = ["opneai/*"]', "llm.policies.heartbeat.models.0", "openai/*"],
    ['models = ["openai/gpt-5"]', 'models = ["gpt-5"]', "llm.policies.system-monitor-2.models.0", "No model"],
    ['["openai/gpt-5-mini"]', '["openai/gpt-5-mni"]', "llm.fallbacks.openai/gpt-5.0", "openai/gpt-5-mini"],
    ['"openai/gpt-5" =', '"openai/gpt5" =', "llm.fallbacks.openai/gpt5", "openai/gpt-5"],
    ['[budget.prices."openai/gpt-5"]', '[budget.prices."openai/gtp-5"]', "budget.prices.openai/gtp-5", "openai/gpt-5"],
    ['scope = "agent:heartbeat-1"', 'scope = "agent:heartbaet-1"', "budget.limits.0.scope", "heartbeat-1"],
    ['scope = "agent:heartbeat-1"', 'scope = "loop:heartbeat-1"', "budget.limits.0.scope", "heartbeat"],
    ['scope = "agent:heartbeat-1"', 'scope = "agent:heartbeat"', "budget.limits.0.scope", "heartbeat-1"],
    ['scope = "provider:acme"', 'scope = "provider:acne"', "budget.limits.2.scope", "acme"],
    ['scope = "model:openai/gpt-5"', 'scope = "model:gpt-5"', "budget.limits.3.scope", "No model"],
    ["soft = 1", "", "budget.limits.2", "A limit needs `soft` or `hard`"],
    ["soft = 1", "soft = 2\nhard = 1", "budget.limits.2.soft", "above hard"],
    ['scope = "loop:*"', 'scope = "agent:heartbeat-1"', "budget.limits.1", "Another limit"],
    ['off = ["agent-exited"]', 'off = ["agent-exitd"]', "alerts.off.0", "agent-exited"],
    ['types = ["agent.exited"]', 'types = ["agent.exploded"]', "alerts.rules.1.types.0", "No event has the type"],
    ['types = ["agent.exited"]', 'types = ["agnet.exited"]', "alerts.rules.1.types.0", "agent.exited"],
    ["{exit.message}", "{exit.mesage}", "alerts.rules.1.text", "no field exit.mesage"],
    ["{exit.message}", "{no.such.field}", "alerts.rules.1.text", "no field no.such.field"],
    ['agent_id = "heartbeat-1"', 'agent = "heartbeat-1"', "alerts.rules.1.data", "no field agent"],
    [
      'recovered_by = ["agent.started"]',
      'recovered_by = ["agent.startd"]',
      "alerts.rules.0.recovered_by.0",
      "agent.started",
    ],
    ['name = "mine"', 'name = "lost"', "alerts.rules.1.name", "Another rule"],
  ])("%s → %s is refused", (before, after, key, hint) => {
    expect(right).toContain(before);
    const message = messageFor(right.replace(before, after));
    expect(message).toContain(key);
    expect(message).toContain(hint);
    expect(message).toContain(`(file ${directory}`);
  });

  test("of the alert rules that come with the bridge are those that can be switched off, and their fields exist", () => {
    expect(defaultRules.map(({ name }) => name).sort()).toEqual([...defaultAlertRules].sort());
    expect(rulesOf({ rules: [], off: [...defaultAlertRules] })).toEqual([]);
    const toml = defaultRules.map(({ name, types, text, key, recoveredBy = [] }) =>
      [
        "[[alerts.rules]]",
        ...Object.entries({ name, types, text, key, recovered_by: recoveredBy }).map(
          ([field, value]) => `${field} = ${JSON.stringify(value)}`,
        ),
      ].join("\n"),
    );
    expect(messageFor(toml.join("\n"))).toBe("valid");
  });
});
