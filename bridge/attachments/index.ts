export { Attachments, type Draft } from "./attachments.ts";
export { attachmentMigrations } from "./migrations.ts";
export type { Attachment } from "./store.ts";
