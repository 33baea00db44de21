import type { EventEnvelope, EventType } from "@armorclaw/protocol";
import type { DefaultAlertRule } from "../config/index.ts";
import { type EventSelector, fieldOf } from "../events/index.ts";

export const severities = ["info", "warning", "critical"] as const;
export type Severity = (typeof severities)[number];

/** Which events raise an alert, and its text. */
export interface AlertRule {
  readonly name: string;
  readonly types: readonly string[];
  readonly data?: EventSelector["data"] | undefined;
  readonly severity: Severity;
  /** A template: alerts of the rule with the same key are one. */
  readonly key: string;
  /** A template: `{field}` stands for a field of the event's data, by its dotted path; `{type}` and `{source}` too. */
  readonly text: string;
  /** Event types that resolve the alert with the same key. */
  readonly recoveredBy?: readonly string[] | undefined;
}

/** A rule for the contract's own event types, so that a renamed type or rule does not compile. */
type DefaultRule = AlertRule & {
  readonly name: DefaultAlertRule;
  readonly types: readonly EventType[];
  readonly recoveredBy?: readonly EventType[];
};
const rule = (own: DefaultRule) => own;

/** The default rules that are neither replaced nor switched off, and then the operator's own rules. */
export function rulesOf({ rules, off }: { readonly rules: readonly AlertRule[]; readonly off: readonly string[] }) {
  const replaced = new Set([...rules.map(({ name }) => name), ...off]);
  return [...defaultRules.filter(({ name }) => !replaced.has(name)), ...rules];
}

/** The rules unless the configuration replaces them. */
export const defaultRules: readonly AlertRule[] = [
  rule({
    name: "agent-failed",
    types: ["agent.failed"],
    severity: "critical",
    key: "{agent_id}",
    text: "{agent_id} failed and is not started again: {message}",
    recoveredBy: ["agent.started", "agent.stopped"],
  }),
  rule({
    name: "agent-exited",
    types: ["agent.exited"],
    severity: "warning",
    key: "{agent_id}",
    text: "{agent_id} exited unexpectedly: {exit.message}",
  }),
  rule({
    name: "agent-hung",
    types: ["agent.hung"],
    severity: "critical",
    key: "{agent_id}",
    text: "{agent_id} sent no heartbeat for {silent_ms} ms",
    recoveredBy: ["agent.started", "agent.restarted", "agent.stopped"],
  }),
  rule({
    name: "engine-lost",
    types: ["bridge.engine_unreachable"],
    severity: "critical",
    key: "engine",
    text: "The container engine cannot be reached: {message}",
    recoveredBy: ["bridge.engine_reachable"],
  }),
  rule({
    name: "budget-threshold",
    types: ["budget.threshold_crossed"],
    severity: "warning",
    key: "{scope} {window} {unit} {level}",
    text: "Spending of {scope} per {window} reached its threshold {level}: {spent:unit} of {limit:unit}",
  }),
  rule({
    name: "budget-exhausted",
    types: ["budget.exhausted", "budget.frozen", "budget.overrun"],
    severity: "critical",
    key: "{type} {scope}",
    text: "The budget of {scope} is used up ({type})",
  }),
  rule({
    name: "provider-lost",
    types: ["llm.provider_unavailable"],
    severity: "warning",
    key: "{provider} {model}",
    text: "Calls to the model provider {provider} pause (model {model}): {reason}",
    recoveredBy: ["llm.provider_recovered"],
  }),
  rule({
    name: "delivery-failed",
    types: ["queue.dead"],
    severity: "critical",
    key: "{destination} {lane}",
    text: "A message to {destination} {lane} could not be delivered: {reason}",
  }),
  rule({
    name: "delivery-late",
    types: ["queue.late"],
    severity: "warning",
    key: "{destination} {lane}",
    text: "Messages to {destination} {lane} are delayed: {reason}",
  }),
  rule({
    name: "event-not-taken",
    types: ["event.dead_lettered"],
    severity: "warning",
    key: "{owner} {name}",
    text: "{owner}'s subscription {name} did not take an event {attempts} times: {reason}",
  }),
  rule({
    name: "agent-overloaded",
    types: ["agent.inbox_full"],
    severity: "warning",
    key: "{agent_id}",
    text: "Messages to {agent_id} are refused: {message}",
  }),
  rule({
    name: "task-failed",
    types: ["task.dead"],
    severity: "warning",
    key: "{task_id}",
    text: "The task {title} failed {attempts} times: {reason}",
  }),
  rule({
    name: "panic",
    types: ["bridge.panicked"],
    severity: "critical",
    key: "panic",
    text: "Panic: {agents} agents were frozen and killed. {reason}",
    recoveredBy: ["bridge.resumed"],
  }),
  rule({
    name: "disk-low",
    types: ["bridge.disk_low"],
    severity: "critical",
    key: "disk",
    text: "The disk has {free_bytes} bytes left",
    recoveredBy: ["bridge.disk_recovered"],
  }),
  rule({
    name: "keystore-locked",
    types: ["keystore.locked", "keystore.unlock_failed"],
    severity: "warning",
    key: "keystore",
    text: "The keystore is locked, and no key can be used: {reason}",
    recoveredBy: ["keystore.unlocked"],
  }),
  rule({
    name: "keystore-damaged",
    types: ["keystore.damaged"],
    severity: "critical",
    key: "{reason}",
    text: "The keystore was changed outside of the bridge: {reason}",
  }),
  rule({
    name: "key-expiring",
    types: ["keystore.expiring", "keystore.expired"],
    severity: "warning",
    key: "{type} {id} {expires_at}",
    text: "The key {id} ({provider}) expires at {expires_at}",
  }),
  rule({
    name: "bridge-interrupted",
    types: ["bridge.interrupted"],
    severity: "critical",
    key: "bridge",
    text: "The bridge was restarted after it ended without an orderly stop. Its last event was at {last_event_at}",
  }),
  rule({
    name: "matrix-lost",
    types: ["matrix.link_lost"],
    severity: "critical",
    key: "matrix",
    text: "The homeserver {homeserver} has not answered since {since}: messages are neither received nor sent",
    recoveredBy: ["matrix.link_restored"],
  }),
  rule({
    name: "matrix-logged-out",
    types: ["matrix.logged_out"],
    severity: "critical",
    key: "matrix",
    text: "The homeserver has ended the login of {user_id} ({reason}): messages are neither received nor sent until `armorclaw matrix login`",
    recoveredBy: ["matrix.logged_in"],
  }),
  rule({
    name: "room-upgraded",
    types: ["matrix.room_upgraded"],
    data: { is_followed: true },
    severity: "warning",
    key: "{room_id}",
    text: "{sender} upgraded the room {room_id}. Messages for it go to {successor} now: name that room in the configuration",
  }),
  rule({
    name: "room-upgrade-not-followed",
    types: ["matrix.room_upgraded"],
    data: { is_followed: false },
    severity: "critical",
    key: "{room_id}",
    text: "{sender}, who is neither an operator nor an admin, upgraded the room {room_id} to {successor}. Nothing is sent there before the configuration names it",
  }),
  rule({
    name: "matrix-messages-missed",
    types: ["matrix.messages_missed"],
    severity: "warning",
    key: "{room_id}",
    text: "Messages of the room {room_id} may have been missed: {reason}. Read what was written there meanwhile",
  }),
  rule({
    name: "watcher-lost",
    types: ["alert.pulse_failed"],
    severity: "warning",
    key: "pulse",
    text: "The watcher of the bridge's pulse cannot be reached: {reason}",
    recoveredBy: ["alert.pulse_recovered"],
  }),
];

const fieldCharsMax = 300;

/** An amount in words for a person: costs are in dollars. */
const amount = (value: unknown, unit: unknown): string =>
  unit === "cost_nano_usd" && typeof value === "number"
    ? `$${(value / 1e9).toFixed(2)}`
    : `${JSON.stringify(value) ?? "?"} ${String(unit)}`;

/** Fills a template. `{field:unit}` stands for an amount in the unit that the event names. Values are shortened, and control characters are replaced, because agents and others outside write them. */
export function fill(template: string, event: EventEnvelope): string {
  return template.replaceAll(/\{([\w.]+)(:unit)?\}/g, (_, path: string, isAmount: string | undefined) => {
    if (path === "type" || path === "source") return event[path];
    const found = fieldOf(event.data, path.split("."));
    const value = isAmount === undefined ? found : amount(found, event.data["unit"]);
    const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "?");
    return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").slice(0, fieldCharsMax);
  });
}
