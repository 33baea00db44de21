import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { Timestamp } from "../types/ids.ts";
import { SecretName } from "../types/manifest.ts";

const claim = defineMethod({
  summary: "Claim the secrets that this agent's loop was granted.",
  description:
    "An agent may call this once per start. A secret granted for `inject` is returned as it is; for one granted for `use` a token is returned that only the bridge " +
    "understands: put the token into an `http.request` in the key's place. `renew` returns new tokens.",
  roles: ["agent"],
  effect: "write",
  audited: true,
  params: z.strictObject({
    renew: z.boolean().default(false).describe("Return only new tokens for the secrets that are granted for `use`."),
  }),
  result: z.object({
    secrets: z.array(
      z.object({
        name: SecretName,
        mode: z.enum(["inject", "use"]),
        value: z.string(),
        expires_at: Timestamp.nullable().describe("When the token expires; null for a secret itself."),
      }),
    ),
    denied: z
      .array(z.object({ name: SecretName, reason: z.string() }))
      .describe("The requested secrets that were not returned."),
  }),
  errors: ["SECRET_CLAIMED", "KEYSTORE_LOCKED", "KEYSTORE_DAMAGED", "AGENT_NOT_FOUND"],
  example: {
    params: {},
    result: {
      secrets: [{ name: "openai", mode: "inject", value: "sk-proj-example", expires_at: null }],
      denied: [{ name: "github", reason: "not granted" }],
    },
  },
});

/** Every method of this file, by its name. */
export const secretMethods = {
  "secret.claim": claim,
} as const;
