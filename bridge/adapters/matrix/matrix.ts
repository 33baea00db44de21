// The bridge's account on a Matrix homeserver, and what passes through its rooms.
import { linkMigrations } from "./link-news.ts";
import { roomMigrations } from "./room-records.ts";
import { secretMigrations } from "./sealed-secrets.ts";

export const matrixMigrations = [...roomMigrations, ...linkMigrations, ...secretMigrations];
