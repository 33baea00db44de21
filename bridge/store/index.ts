export { type BackupHeader, Backups, packBackup, unpackBackup } from "./backup.ts";
export type { Row, Sql } from "./database.ts";
export type { Migration } from "./migrations.ts";
export { Store, type StoreOptions } from "./store.ts";
