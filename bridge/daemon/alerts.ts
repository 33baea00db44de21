import { Alerts, DiskWatch, defaultRules, Pulse } from "../alerts/index.ts";
import type { LoadedConfig } from "../config/index.ts";
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
  readonly config: LoadedConfig["config"];
  readonly outbox: Outbox;
}

/** Constructs what makes sure that a person hears of it. */
export function composeAlerting({ store, log, logging, publish, config, outbox }: AlertingDeps): Service[] {
  const { clock } = log;
  const { alerts, state_dir } = config;
  const logger = logging.child("alerts");
  const host = new HostMeter(state_dir);
  const freeBytes = async () => (await host.read()).diskFreeBytes;
  const pulse = {
    publish,
    clock,
    // A bridge that cannot write is not well.
    check: () => store.write(() => undefined),
  };
  return [
    new Alerts({ log, store, queue: outbox, logger }, alertSettings(alerts)),
    new DiskWatch({ clock, publish, logger, freeBytes }, alerts.disk_free_bytes_min),
    ...(alerts.pulse_url === undefined
      ? []
      : [new Pulse(pulse, { url: alerts.pulse_url, everyMs: alerts.pulse_every_ms })]),
    { name: "interruption notice", start: async () => tellOfInterruption(log, publish), stop: async () => undefined },
  ];
}

function tellOfInterruption(log: DurableEventLog, publish: PublishEvent): void {
  const { interruptedAfter } = log;
  if (interruptedAfter === undefined) return;
  publish("bridge.interrupted", "bridge", { last_event_at: interruptedAfter });
}

function alertSettings({ to, rules, off, digest_ms, repeat_ms, quiet_hours }: LoadedConfig["config"]["alerts"]) {
  const own = rules.map(({ recovered_by, data, ...rule }) => ({
    ...rule,
    ...(data === undefined ? {} : { data }),
    ...(recovered_by === undefined ? {} : { recoveredBy: recovered_by }),
  }));
  const replaced = new Set([...own.map(({ name }) => name), ...off]);
  return {
    rules: [...defaultRules.filter(({ name }) => !replaced.has(name)), ...own],
    routes: to.map(({ destination, lane, min_severity }) => ({ destination, lane, minSeverity: min_severity })),
    digestMs: digest_ms,
    repeatMs: repeat_ms,
    ...(quiet_hours === undefined
      ? {}
      : { quiet: { from: quiet_hours.from, to: quiet_hours.to, timeZone: quiet_hours.time_zone } }),
  };
}
