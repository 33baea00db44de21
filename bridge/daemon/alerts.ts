import { Alerts, DiskWatch, interruptionNotice, Pulse } from "../alerts/index.ts";
import { alertPlaces, alertRoutes } from "../config/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Outbox } from "../outbox/index.ts";
import { HostMeter } from "../platform/os/host-info.ts";
import type { Ground } from "./ground.ts";

/** Composes the parts that notify a person: alerts, the watch on the disk's free space, and the pulse to an outside watcher. */
export function composeAlerts(ground: Ground, outbox: Outbox): Service[] {
  const { store, log, clock, publish, config, logging } = ground;
  const logger = logging.child("alerts");
  const host = new HostMeter(config.stateDir);
  const freeBytes = async () => (await host.read()).diskFreeBytes;
  // A bridge that cannot write is not well, and sends no pulse.
  const check = () => store.write(() => undefined);
  return [
    new Alerts(
      { log, store, queue: outbox, logger },
      { ...config.alerts, to: alertRoutes(config), otherwise: alertPlaces(config) },
    ),
    new DiskWatch({ clock, publish, logger, freeBytes }, config.alerts.diskFreeBytesMin),
    new Pulse({ publish, clock, check }, config.alerts),
    interruptionNotice(log, publish),
  ];
}
