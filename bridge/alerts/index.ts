export { type AlertQueue, type AlertRoute, type AlertSettings, Alerts, type AlertsDeps } from "./alerts.ts";
export { DiskWatch } from "./disk-watch.ts";
export { Pulse } from "./pulse.ts";
export { defaultRules } from "./rules.ts";
export { alertsMigrations } from "./schema.ts";
