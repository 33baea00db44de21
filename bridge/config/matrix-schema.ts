import * as z from "zod";

export const MatrixRoom = z
  .string()
  .max(255)
  .regex(/^![^\s\p{Cc}]+$/u, "Expected a room's id, which begins with !");
const userId = z
  .string()
  .max(255)
  .regex(/^@[^:\s\p{Cc}]*:[^\s\p{Cc}]+$/u, "Expected @name:server");

/** The bridge's account on Matrix: its rooms and trusted users. */
export const MatrixConfig = z
  .strictObject({
    homeserver: z.string().min(1).optional().describe("Where `matrix login` logs in, e.g. https://matrix.example.org."),
    rooms: z
      .array(MatrixRoom)
      .max(100)
      .default([])
      .describe("The rooms that the bridge reads and writes. None when empty."),
    users: z
      .record(userId, z.enum(["admin", "operator", "viewer"]))
      .default({})
      .describe("The trusted users, by exact Matrix id, with the role of each. Nobody when empty."),
    poll_ms: z
      .int()
      .min(1_000)
      .max(60_000)
      .default(30_000)
      .describe(
        "How long the homeserver may hold a sync without news. The bridge restarts a link that is silent for two and a half times as long.",
      ),
    backfill_max: z
      .int()
      .min(0)
      .max(50_000)
      .default(5_000)
      .describe(
        "The most events that are read from a room's past after a time without connection. Older ones may be missed, and an event reports that.",
      ),
    lost_after_ms: z
      .int()
      .min(1_000)
      .max(86_400_000)
      .default(300_000)
      .describe(
        "A homeserver that does not answer for this long is reported as lost, by the other routes of the alerts.",
      ),
    approval_room: MatrixRoom.optional().describe(
      "The room where approvals are requested; the first of `rooms` when left out.",
    ),
    command_trust: z
      .enum(["verified", "encrypted", "nothing"])
      .default("verified")
      .describe(
        "What a command that changes something requires. verified: an encrypted room and a device that its owner signed.",
      ),
    reaction_approvals: z
      .boolean()
      .default(false)
      .describe(
        "Take reactions as answers to approvals. They are never encrypted: whoever runs the homeserver can forge them.",
      ),
  })
  .prefault({});
