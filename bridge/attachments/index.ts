export { type Attachment, Attachments, type Draft } from "./attachments.ts";
export { attachmentMigrations } from "./migrations.ts";
