import { type EventData, type EventEnvelope, type EventType, events } from "@armorclaw/protocol";
import { contractEvent, type DurableEventLog, EffectConsumer, type Emit } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import type { Timer } from "../platform/clock.ts";
import type { Sql, Store } from "../store/index.ts";
import { AlertDelivery, type AlertLane, type AlertQueue } from "./alert-delivery.ts";
import { dueAt, type QuietHours } from "./quiet-hours.ts";
import { type AlertRule, fill, rulesOf, type Severity, severities } from "./rules.ts";
import {
  addPending,
  duePending,
  findOpen,
  listOpen,
  type OpenAlert,
  type PendingAlert,
  removeOpen,
  removePending,
  removePendingById,
  removeStale,
  saveOpen,
} from "./store.ts";

/** Events that report a lane as unreachable. */
const unreachableTypes: readonly string[] = ["queue.late"] satisfies readonly EventType[];
const tickEveryMs = 1_000;
/** The most lines of one digest. Further alerts are counted in its last line. */
const digestLinesMax = 20;

/** Where alerts go. */
export interface AlertRoute extends AlertLane {
  readonly minSeverity: Severity;
}

export interface AlertSettings {
  /** Where alerts go. */
  readonly to: readonly AlertRoute[];
  /** Where alerts go while no route can be reached. */
  readonly otherwise: readonly AlertLane[];
  /** The operator's own rules. One with the name of a default rule replaces that rule. */
  readonly rules: readonly AlertRule[];
  /** The names of the default rules that are switched off. */
  readonly off: readonly string[];
  /** After a digest of alerts that are not critical, further ones are gathered for this long. */
  readonly digestMs: number;
  /** An alert that is still open is sent again after this long. */
  readonly repeatMs: number;
  readonly quietHours?: QuietHours | undefined;
}

export interface AlertsDeps {
  readonly log: DurableEventLog;
  readonly store: Store;
  readonly queue: AlertQueue;
  readonly logger: Logger;
}

/** Sends alerts to people: each once, critical ones at once, others gathered in digests. */
export class Alerts implements Service {
  readonly name = "alerts";
  readonly #deps: AlertsDeps;
  readonly #settings: AlertSettings;
  readonly #consumer: EffectConsumer;
  readonly #rulesByType = new Map<string, { readonly rule: AlertRule; readonly isOver: boolean }[]>();
  /** When each route got its last digest. */
  readonly #digestAt = new Map<string, number>();
  /** Rules whose alerts have no recovery. */
  readonly #lasting: readonly string[];
  /** Rules whose alerts stay open until they are resolved. */
  readonly #resolvable: readonly string[];
  readonly #delivery: AlertDelivery;
  #timer: Timer | undefined;

  constructor(deps: AlertsDeps, settings: AlertSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#delivery = new AlertDelivery(deps.queue, [...settings.to, ...settings.otherwise]);
    const rules = rulesOf(settings);
    const namesOf = (isLasting: boolean) =>
      rules.filter(({ recoveredBy }) => (recoveredBy === undefined) === isLasting).map(({ name }) => name);
    this.#lasting = namesOf(true);
    this.#resolvable = namesOf(false);
    for (const rule of rules) {
      for (const type of rule.types) this.#listen(type, rule, false);
      for (const type of rule.recoveredBy ?? []) this.#listen(type, rule, true);
    }
    this.#consumer = new EffectConsumer(deps, {
      name: "alerts",
      selector: { channels: [">"], types: [...new Set([...this.#rulesByType.keys(), ...unreachableTypes])] },
      handle: (event, sql, emit) => this.#onEvent(event, sql, emit),
      onCommitted: () => deps.queue.kick(),
    });
  }

  async start(): Promise<void> {
    await this.#consumer.start();
    this.#timer = this.#deps.log.clock.every(tickEveryMs, () => {
      this.#tick().catch((error: unknown) => this.#deps.logger.error({ error }, "alerts could not be sent"));
    });
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#consumer.stop();
  }

  #listen(type: string, rule: AlertRule, isOver: boolean): void {
    const listening = this.#rulesByType.get(type) ?? [];
    listening.push({ rule, isOver });
    this.#rulesByType.set(type, listening);
  }

  #onEvent(event: EventEnvelope, sql: Sql, emit: Emit): void {
    if (unreachableTypes.includes(event.type)) this.#onUnreachable(event, sql);
    for (const { rule, isOver } of this.#rulesByType.get(event.type) ?? []) {
      const key = fill(rule.key, event);
      if (isOver) this.#recover(rule, key, event, sql, emit);
      else if (Object.entries(rule.data ?? {}).every(([path, value]) => fill(`{${path}}`, event) === String(value)))
        this.#raise(rule, key, event, sql, emit);
    }
  }

  #onUnreachable({ data }: EventEnvelope, sql: Sql): void {
    // The data of the bridge's own event types is as the contract declares it.
    const { destination, lane } = data as EventData<"queue.late">;
    this.#delivery.unreachable(sql, { destination, lane });
  }

  #raise(rule: AlertRule, key: string, event: EventEnvelope, sql: Sql, emit: Emit): void {
    const now = this.#deps.log.clock.now();
    const known = findOpen(sql, rule.name, key);
    const text = textOf(rule, event);
    const { name, severity } = rule;
    removeStale(sql, this.#lasting, now - this.#settings.repeatMs);
    if (known !== undefined) {
      // The tick sends the newest text, with the count.
      saveOpen(sql, { ...known, severity, text, repeats: known.repeats + 1 }, now);
      return;
    }
    const open: OpenAlert = { rule: name, key, severity, text, firstMs: now, sentMs: now, repeats: 0 };
    saveOpen(sql, open, now);
    emit(contractEvent("alert.raised", "bridge", { rule: name, key, severity, text, event_id: event.id }));
    this.#send(sql, open, text, `${event.id}:${name}`);
  }

  /**
   * Whether the alert is sent again now. One that is still open is, after `repeatMs`. One without a recovery is when it was raised
   * again: soon after the first time, and then after twice the time that went by, up to `repeatMs`.
   */
  #isRepeatDue({ rule, firstMs, sentMs, repeats }: OpenAlert, now: number): boolean {
    const { repeatMs, digestMs } = this.#settings;
    if (this.#resolvable.includes(rule)) return now - sentMs >= repeatMs;
    // The configuration may have a rule no more.
    return (
      this.#lasting.includes(rule) &&
      repeats > 0 &&
      now - sentMs >= Math.min(repeatMs, Math.max(digestMs, sentMs - firstMs))
    );
  }

  #repeat(sql: Sql, open: OpenAlert, now: number): void {
    const { rule, key, text, repeats, firstMs } = open;
    const since = new Date(firstMs).toISOString();
    const count = repeats === 0 ? "" : `${repeats} more ${repeats === 1 ? "time" : "times"}, `;
    const isOver = this.#lasting.includes(rule);
    saveOpen(sql, { ...open, sentMs: now, repeats: 0 }, now);
    const message = isOver ? `${text} (${count}first at ${since})` : `Still open: ${text} (${count}since ${since})`;
    // An earlier one that still waits for its digest would say the same.
    removePending(sql, rule, key);
    this.#send(sql, open, message, `${rule}:${key}:again:${now}`);
  }

  /** An alert that was not sent yet is withdrawn instead. */
  #recover(rule: AlertRule, key: string, event: EventEnvelope, sql: Sql, emit: Emit): void {
    const known = findOpen(sql, rule.name, key);
    if (known === undefined) return;
    removeOpen(sql, rule.name, key);
    const { severity, text } = known;
    emit(contractEvent("alert.recovered", "bridge", { rule: rule.name, key, severity, text }));
    if (!removePending(sql, rule.name, key))
      this.#send(sql, known, `Resolved: ${text}`, `${event.id}:${rule.name}:over`);
  }

  #send(sql: Sql, { rule, key, severity }: OpenAlert, text: string, dedupeKey: string): void {
    const now = this.#deps.log.clock.now();
    const { to: routes, digestMs, quietHours } = this.#settings;
    for (const { destination, lane, minSeverity } of routes) {
      if (severities.indexOf(severity) < severities.indexOf(minSeverity)) continue;
      if (severity === "critical") {
        this.#delivery.queue(sql, { destination, lane, dedupeKey: `alert:${dedupeKey}:${lane}`, body: bodyOf(text) });
      } else {
        const lastMs = this.#digestAt.get(laneKey(destination, lane)) ?? Number.NEGATIVE_INFINITY;
        const dueMs = dueAt(Math.max(now, lastMs + digestMs), quietHours);
        addPending(sql, { destination, lane, rule, key, text, dueMs });
      }
    }
  }

  /** Sends the alerts that are due, in one message for each route. */
  async #tick(): Promise<void> {
    const { store, log, queue } = this.#deps;
    const now = log.clock.now();
    const isRepeated = (open: OpenAlert) => this.#isRepeatDue(open, now);
    const hasWork = (sql: Sql) => duePending(sql, now).length > 0 || listOpen(sql).some(isRepeated);
    if (!store.read(hasWork)) return;
    const sent = await store.write((sql) => {
      for (const open of listOpen(sql).filter(isRepeated)) this.#repeat(sql, open, now);
      const due = duePending(sql, now);
      for (const [, pending] of Map.groupBy(due, (one) => laneKey(one.destination, one.lane))) {
        const [first] = pending;
        if (first === undefined) continue;
        const { destination, lane, id } = first;
        this.#delivery.queue(sql, { destination, lane, dedupeKey: `alerts:${id}`, body: bodyOf(digest(pending)) });
      }
      for (const { id } of due) removePendingById(sql, id);
      return due;
    });
    for (const { destination, lane } of sent) this.#digestAt.set(laneKey(destination, lane), now);
    queue.kick();
  }
}

/** What a rule says of an agent's own event is in the agent's words, and so is marked as the agent's. */
function textOf(rule: AlertRule, event: EventEnvelope): string {
  const text = fill(rule.text, event);
  const [, agentId] = /^agent:(.+)$/.exec(event.source) ?? [];
  // The bridge publishes what happened to an agent in the agent's name. No agent can publish such a type.
  return agentId === undefined || Object.hasOwn(events, event.type) ? text : `Agent ${agentId} reports: ${text}`;
}

const laneKey = (destination: string, lane: string): string => JSON.stringify([destination, lane]);

const bodyOf = (text: string) => ({ text, msgtype: "m.text" });

function digest(pending: readonly PendingAlert[]): string {
  const [first] = pending;
  if (pending.length === 1 && first !== undefined) return first.text;
  const lines = pending.slice(0, digestLinesMax).map(({ text }) => `- ${text}`);
  const rest = pending.length - lines.length;
  return [`${pending.length} alerts:`, ...lines, ...(rest > 0 ? [`and ${rest} more`] : [])].join("\n");
}
