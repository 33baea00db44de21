import { AgentId, PrincipalId } from "@armorclaw/protocol";
import * as z from "zod";
import { MatrixRoom } from "./matrix-schema.ts";

const milliseconds = z.int().min(1_000).max(86_400_000);
const address = z.union([z.ipv4(), z.ipv6()]);

/** Voice calls. */
export const VoiceConfig = z
  .strictObject({
    enabled: z.boolean().default(false).describe("Accept voice calls."),
    addresses: z.array(address).max(8).default([]).describe("Where media is received; every address when empty."),
    announced_address: address
      .optional()
      .describe("The address that is announced to callers instead, such as the public address in front of a NAT."),
    port_first: z.int().min(1_024).max(65_534).default(40_000).describe("The first UDP port of calls' media."),
    port_last: z.int().min(1_025).max(65_535).default(40_199).describe("The last one; a call takes one per address."),
    remote_candidates: z
      .enum(["ignore", "public", "any"])
      .default("ignore")
      .describe(
        "To which of the addresses that a caller names the bridge sends connectivity checks. ignore: to none, the caller's own checks connect; public: to none that is private or loopback.",
      ),
    origins: z.array(z.string().min(1)).default([]).describe("Other pages that may call, e.g. https://example.org."),
    public_url: z
      .url()
      .optional()
      .describe(
        "How browsers reach the HTTP listener, e.g. https://bridge.example.org; its own address when left out.",
      ),
    rooms: z
      .record(z.string().min(1).max(255), z.array(PrincipalId))
      .default({})
      .describe("Who besides admins may call in a room, by exact principal. Nobody when empty."),
    room_agents: z
      .record(
        MatrixRoom,
        z.strictObject({
          agent: AgentId.describe("The agent that answers."),
          stt_agent: AgentId.optional().describe("Turns the caller's speech into text for it."),
          tts_agent: AgentId.optional().describe("Turns its text into speech."),
        }),
      )
      .default({})
      .describe("Rooms of `matrix.rooms` whose trusted members may call the bridge, and the agents that answer there."),
    ring_trust: z
      .enum(["verified", "encrypted", "nothing"])
      .default("verified")
      .describe("What a call from a room requires. verified: an encrypted room and a device that its owner signed."),
    turn_urls: z
      .array(z.string().regex(/^turns?:/, "Expected turn:HOST:PORT"))
      .max(8)
      .default([])
      .describe("A relay for callers, e.g. turn:turn.example.org:3478?transport=udp."),
    turn_secret_file: z.string().min(1).optional().describe("A file with the value of coturn's static-auth-secret."),
    turn_ttl_ms: milliseconds.default(600_000).describe("How long a caller's relay credentials are valid."),
    concurrent_max: z.int().min(1).max(1_000).default(8).describe("The most calls at once."),
    concurrent_per_principal_max: z.int().min(1).max(1_000).default(4).describe("The most calls of one principal."),
    per_hour_max: z.int().min(1).max(10_000).default(30).describe("The most calls that one principal starts an hour."),
    token_ttl_ms: milliseconds.default(60_000).describe("How long a call's token is valid."),
    setup_ms: milliseconds.default(15_000).describe("Time from an offer to its connection."),
    grace_ms: milliseconds.default(20_000).describe("Time for a disconnected caller to reconnect."),
    idle_ms: milliseconds.default(300_000).describe("A call in which nobody speaks ends after this long."),
    duration_max_ms: milliseconds.default(3_600_000).describe("The longest call."),
  })
  .refine(({ port_first, port_last }) => port_last > port_first, "port_last must be greater than port_first")
  .prefault({});
