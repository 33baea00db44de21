export { type Attachment, Attachments, attachmentMigrations, type Draft } from "./attachments.ts";
