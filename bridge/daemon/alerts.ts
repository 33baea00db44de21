import { Alerts, DiskWatch, defaultRules, Pulse } from "../alerts/index.ts";
import type { Config } from "../config/index.ts";
import type { DurableEventLog, PublishEvent } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Logging } from "../logging/index.ts";
import type { Outbox } from "../outbox/index.ts";
import { HostMeter } from "../platform/host-info.ts";
import type { Store } from "../store/index.ts";

export interface AlertingDeps {
  readonly store: Store;
  readonly log: DurableEventLog;
  readonly logging: Logging;
  readonly publish: PublishEvent;
  readonly config: Config;
  readonly outbox: Outbox;
}

/** Constructs what makes sure that a person hears of it. */
export function composeAlerting({ store, log, logging, publish, config, outbox }: AlertingDeps): Service[] {
  const { clock } = log;
  const { alerts, stateDir } = config;
  const logger = logging.child("alerts");
  const host = new HostMeter(stateDir);
  const freeBytes = async () => (await host.read()).diskFreeBytes;
  const pulse = {
    publish,
    clock,
    // A bridge that cannot write is not well.
    check: () => store.write(() => undefined),
  };
  return [
    new Alerts({ log, store, queue: outbox, logger }, alertSettings(alerts)),
    new DiskWatch({ clock, publish, logger, freeBytes }, alerts.diskFreeBytesMin),
    ...(alerts.pulseUrl === undefined
      ? []
      : [new Pulse(pulse, { url: alerts.pulseUrl, everyMs: alerts.pulseEveryMs })]),
    { name: "interruption notice", start: async () => tellOfInterruption(log, publish), stop: async () => undefined },
  ];
}

function tellOfInterruption(log: DurableEventLog, publish: PublishEvent): void {
  const { interruptedAfter } = log;
  if (interruptedAfter === undefined) return;
  publish("bridge.interrupted", "bridge", { last_event_at: interruptedAfter });
}

function alertSettings({ to, rules, off, digestMs, repeatMs, quietHours }: Config["alerts"]) {
  const own = rules.map(({ recoveredBy, data, ...rule }) => ({
    ...rule,
    ...(data === undefined ? {} : { data }),
    ...(recoveredBy === undefined ? {} : { recoveredBy }),
  }));
  const replaced = new Set([...own.map(({ name }) => name), ...off]);
  return {
    rules: [...defaultRules.filter(({ name }) => !replaced.has(name)), ...own],
    routes: to.map(({ destination, lane, minSeverity }) => ({ destination, lane, minSeverity })),
    digestMs,
    repeatMs,
    ...(quietHours === undefined
      ? {}
      : { quiet: { from: quietHours.from, to: quietHours.to, timeZone: quietHours.timeZone } }),
  };
}
