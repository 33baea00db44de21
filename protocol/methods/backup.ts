import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { Timestamp } from "../types/ids.ts";

const create = defineMethod({
  summary: "Make a consistent copy of the store in a file while the bridge runs.",
  description: "Secrets in the backup stay sealed. It does not contain the key that unlocks them: keep that key apart.",
  roles: ["admin"],
  effect: "write",
  params: z.strictObject({
    path: z
      .string()
      .min(1)
      .max(4_096)
      .regex(/^\//, "Expected an absolute path")
      .describe("A file that does not exist yet."),
  }),
  result: z.object({ path: z.string(), bytes: z.int(), sha256: z.string(), created_at: Timestamp }),
  errors: ["BACKUP_FAILED", "STORE_FULL", "STORE_FAILED"],
  example: {
    params: { path: "/var/backups/armorclaw-1.acb" },
    result: {
      path: "/var/backups/armorclaw-1.acb",
      bytes: 98_304,
      sha256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
      created_at: "2026-11-21T08:00:00.000Z",
    },
  },
});

/** Every method of this file, by its name. */
export const backupMethods = {
  "backup.create": create,
} as const;
