import { linkMigrations } from "./link/link-events.ts";
import { secretMigrations } from "./link/sealed-secrets.ts";
import { questionMigrations } from "./rooms/questions.ts";
import { positionMigrations } from "./rooms/reader-positions.ts";
import { roomMigrations } from "./rooms/room-store.ts";
import { successorMigrations } from "./rooms/room-successors.ts";

export const matrixMigrations = [
  ...roomMigrations,
  ...questionMigrations,
  ...successorMigrations,
  ...positionMigrations,
  ...linkMigrations,
  ...secretMigrations,
];
