export { DeliveryError, type Destination, type OutboundMessage, type QueuedMessage } from "./destination.ts";
export { outboxMigrations } from "./migrations.ts";
export { Outbox, type OutboxDeps } from "./outbox.ts";
export { listStuck, type OutboxRow, type StuckLane } from "./store.ts";
