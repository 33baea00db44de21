import type { EventEnvelope } from "@armorclaw/protocol";
import { contractEvent, type DurableEventLog, EffectConsumer, type Emit } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import type { Timer } from "../platform/clock.ts";
import type { Sql, Store } from "../store/index.ts";
import { type QuietHours, tellableAt } from "./quiet-hours.ts";
import { type AlertRule, fill, rulesOf, type Severity, severities } from "./rules.ts";
import {
  addPending,
  duePending,
  findOpen,
  type OpenAlert,
  type PendingAlert,
  removeOpen,
  removePending,
  removePendingById,
  removeStale,
  saveOpen,
} from "./store.ts";

const tickEveryMs = 1_000;
/** Lines of one digest; the rest is counted. */
const digestLinesMax = 20;

/** Where alerts go. */
export interface AlertRoute {
  readonly destination: string;
  /** The room, or the webhook's name. */
  readonly lane: string;
  readonly minSeverity: Severity;
}

export interface AlertSettings {
  /** Where alerts go. */
  readonly to: readonly AlertRoute[];
  /** The operator's own rules. One with the name of a default rule replaces that rule. */
  readonly rules: readonly AlertRule[];
  /** The names of the default rules that are switched off. */
  readonly off: readonly string[];
  /** After alerts that are not critical were told, the next are gathered for this long, to be told together. */
  readonly digestMs: number;
  /** What is still open is told again after this long. */
  readonly repeatMs: number;
  readonly quietHours?: QuietHours | undefined;
}

/** What carries alerts out. */
export interface AlertQueue {
  queue(
    sql: Sql,
    message: { destination: string; lane: string; dedupeKey: string; body: Readonly<Record<string, unknown>> },
  ): unknown;
  kick(): void;
}

export interface AlertsDeps {
  readonly log: DurableEventLog;
  readonly store: Store;
  readonly queue: AlertQueue;
  readonly logger: Logger;
}

/** Tells people what they should hear of: once, together where it can wait, and what is critical at once. */
export class Alerts implements Service {
  readonly name = "alerts";
  readonly #deps: AlertsDeps;
  readonly #settings: AlertSettings;
  readonly #consumer: EffectConsumer;
  readonly #rulesByType = new Map<string, { readonly rule: AlertRule; readonly isOver: boolean }[]>();
  /** When each route was told of what is not critical. */
  readonly #toldAt = new Map<string, number>();
  /** Rules whose alerts nothing says the end of. */
  readonly #lasting: readonly string[];
  #timer: Timer | undefined;

  constructor(deps: AlertsDeps, settings: AlertSettings) {
    this.#deps = deps;
    this.#settings = settings;
    const rules = rulesOf(settings);
    this.#lasting = rules.filter(({ recoveredBy }) => recoveredBy === undefined).map(({ name }) => name);
    for (const rule of rules) {
      for (const type of rule.types) this.#listen(type, rule, false);
      for (const type of rule.recoveredBy ?? []) this.#listen(type, rule, true);
    }
    this.#consumer = new EffectConsumer(deps, {
      name: "alerts",
      selector: { channels: [">"], types: [...this.#rulesByType.keys()] },
      handle: (event, sql, emit) => this.#onEvent(event, sql, emit),
      onCommitted: () => deps.queue.kick(),
    });
  }

  async start(): Promise<void> {
    await this.#consumer.start();
    this.#timer = this.#deps.log.clock.every(tickEveryMs, () => {
      this.#tick().catch((error: unknown) => this.#deps.logger.error({ error }, "alerts were not told"));
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
    for (const { rule, isOver } of this.#rulesByType.get(event.type) ?? []) {
      const key = fill(rule.key, event);
      if (isOver) this.#recover(rule, key, event, sql, emit);
      else if (Object.entries(rule.data ?? {}).every(([path, value]) => fill(`{${path}}`, event) === String(value)))
        this.#raise(rule, key, event, sql, emit);
    }
  }

  #raise(rule: AlertRule, key: string, event: EventEnvelope, sql: Sql, emit: Emit): void {
    const now = this.#deps.log.clock.now();
    const known = findOpen(sql, rule.name, key);
    const text = fill(rule.text, event);
    const { name, severity } = rule;
    removeStale(sql, this.#lasting, now - this.#settings.repeatMs);
    if (known !== undefined && now - known.toldMs < this.#settings.repeatMs) {
      saveOpen(sql, { ...known, untold: known.untold + 1 }, now);
      return;
    }
    const open: OpenAlert = { rule: name, key, severity, text, firstMs: known?.firstMs ?? now, toldMs: now, untold: 0 };
    saveOpen(sql, open, now);
    emit(contractEvent("alert.raised", "bridge", { rule: name, key, severity, text, event_id: event.id }));
    const again = known === undefined || known.untold === 0 ? "" : ` (and ${known.untold} times before)`;
    this.#tell(sql, open, `${text}${again}`, `${event.id}:${name}`);
  }

  /** What was not told yet is taken back rather than told twice. */
  #recover(rule: AlertRule, key: string, event: EventEnvelope, sql: Sql, emit: Emit): void {
    const known = findOpen(sql, rule.name, key);
    if (known === undefined) return;
    removeOpen(sql, rule.name, key);
    const { severity, text } = known;
    emit(contractEvent("alert.recovered", "bridge", { rule: rule.name, key, severity, text }));
    if (!removePending(sql, rule.name, key)) this.#tell(sql, known, `Over: ${text}`, `${event.id}:${rule.name}:over`);
  }

  #tell(sql: Sql, { rule, key, severity }: OpenAlert, text: string, dedupeKey: string): void {
    const now = this.#deps.log.clock.now();
    const { to: routes, digestMs, quietHours } = this.#settings;
    for (const { destination, lane, minSeverity } of routes) {
      if (severities.indexOf(severity) < severities.indexOf(minSeverity)) continue;
      if (severity === "critical") {
        this.#deps.queue.queue(sql, { destination, lane, dedupeKey: `alert:${dedupeKey}:${lane}`, body: bodyOf(text) });
      } else {
        const lastMs = this.#toldAt.get(laneKey(destination, lane)) ?? Number.NEGATIVE_INFINITY;
        const dueMs = tellableAt(Math.max(now, lastMs + digestMs), quietHours);
        addPending(sql, { destination, lane, rule, key, text, dueMs });
      }
    }
  }

  /** Tells what is due, one message for each route. */
  async #tick(): Promise<void> {
    const { store, log, queue } = this.#deps;
    const now = log.clock.now();
    if (store.read((sql) => duePending(sql, now)).length === 0) return;
    const told = await store.write((sql) => {
      const due = duePending(sql, now);
      for (const [, pending] of Map.groupBy(due, (one) => laneKey(one.destination, one.lane))) {
        const [first] = pending;
        if (first === undefined) continue;
        const { destination, lane, id } = first;
        queue.queue(sql, { destination, lane, dedupeKey: `alerts:${id}`, body: bodyOf(digest(pending)) });
      }
      for (const { id } of due) removePendingById(sql, id);
      return due;
    });
    for (const { destination, lane } of told) this.#toldAt.set(laneKey(destination, lane), now);
    queue.kick();
  }
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
