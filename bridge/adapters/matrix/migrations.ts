import { linkMigrations } from "./link/link-events.ts";
import { secretMigrations } from "./link/sealed-secrets.ts";
import { roomMigrations } from "./rooms/room-store.ts";

export const matrixMigrations = [...roomMigrations, ...linkMigrations, ...secretMigrations];
