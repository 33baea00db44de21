export type { AlertLane, AlertQueue } from "./alert-delivery.ts";
export { type AlertRoute, type AlertSettings, Alerts, type AlertsDeps } from "./alerts.ts";
export { DiskWatch } from "./disk-watch.ts";
export { interruptionNotice } from "./interruption.ts";
export { alertsMigrations } from "./migrations.ts";
export { Pulse } from "./pulse.ts";
