export { DeliveryError, type Destination, type OutboundMessage, type QueuedMessage } from "./destination.ts";
export { Outbox, type OutboxDeps } from "./outbox.ts";
export type { OutboxRow } from "./rows.ts";
export { outboxMigrations } from "./schema.ts";
