import { linkMigrations } from "./link/link-events.ts";
import { secretMigrations } from "./link/sealed-secrets.ts";
import { questionMigrations } from "./rooms/questions.ts";
import { roomMigrations } from "./rooms/room-store.ts";

export const matrixMigrations = [...roomMigrations, ...questionMigrations, ...linkMigrations, ...secretMigrations];
