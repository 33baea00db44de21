import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { KeyId, LoopName, PrincipalId, Timestamp } from "../types/ids.ts";
import { SecretDestination, SecretMode, SecretName } from "../types/manifest.ts";
import { everyone, people, Role } from "../types/roles.ts";

export const SecretGrant = z
  .object({
    loop: LoopName,
    name: SecretName.describe("The name of the secret in the loop's manifest."),
    key_id: KeyId,
    mode: SecretMode,
    destinations: z.array(SecretDestination).describe("Where the bridge may send the secret for the loop."),
    granted_by: PrincipalId,
    granted_at: Timestamp,
  })
  .meta({ id: "SecretGrant" });
export type SecretGrant = z.output<typeof SecretGrant>;

const exampleGrant = {
  loop: "gmail",
  name: "openai",
  key_id: "openai",
  mode: "inject" as const,
  destinations: [],
  granted_by: "user:1000",
  granted_at: "2026-11-21T08:00:00.000Z",
};

const grant = defineMethod({
  summary: "Grant a loop a secret that its manifest requests.",
  description: "Without a grant a loop gets no secret. A grant cannot be wider than the manifest's request.",
  roles: ["admin"],
  effect: "write",
  params: z.strictObject({
    loop: LoopName,
    name: SecretName.describe("The name of the secret in the loop's manifest."),
    key_id: KeyId.optional().describe("The key in the keystore. The default is the key of the same name."),
  }),
  result: SecretGrant,
  errors: ["LOOP_NOT_FOUND", "KEY_NOT_FOUND", "SECRET_NOT_ASKED_FOR"],
  example: { params: { loop: "gmail", name: "openai" }, result: exampleGrant },
});

const revoke = defineMethod({
  summary: "Revoke a loop's secret, or a principal's role.",
  description:
    "Tokens for it end at once, and open connections of the principals concerned are closed. A secret that was injected stays in the " +
    "memory of an agent until the agent ends: `holders` names these agents.",
  roles: ["admin"],
  effect: "write",
  params: z.strictObject({
    loop: LoopName.optional(),
    name: SecretName.optional().describe("The loop's secret."),
    principal: PrincipalId.optional().describe("Instead of loop and name: the principal whose role is revoked."),
  }),
  result: z.object({
    revoked: z.boolean(),
    closed_connections: z.int(),
    holders: z.array(z.string()).describe("Running agents that have claimed the secret."),
  }),
  errors: [],
  example: { params: { loop: "gmail", name: "openai" }, result: { revoked: true, closed_connections: 1, holders: [] } },
});

const grants = defineMethod({
  summary: "List what loops request, and what they were granted.",
  roles: people,
  effect: "read",
  params: z.strictObject({ loop: LoopName.optional() }),
  result: z.object({
    grants: z.array(SecretGrant),
    open: z
      .array(z.object({ loop: LoopName, name: SecretName, mode: SecretMode, purpose: z.string() }))
      .describe("Requested, and not granted."),
  }),
  errors: [],
  example: { params: {}, result: { grants: [exampleGrant], open: [] } },
});

const assign = defineMethod({
  summary: "Give a principal a role.",
  description: "The bridge's own user and root are always admins; an agent is always an agent.",
  roles: ["admin"],
  effect: "write",
  params: z.strictObject({ principal: PrincipalId, role: z.enum(people) }),
  result: z.object({ principal: PrincipalId, role: Role, closed_connections: z.int() }),
  errors: ["ROLE_FIXED"],
  example: {
    params: { principal: "matrix:@ann:example.org", role: "operator" },
    result: { principal: "matrix:@ann:example.org", role: "operator", closed_connections: 0 },
  },
});

const whoami = defineMethod({
  summary: "Show who the caller is and what it may do.",
  roles: everyone,
  effect: "read",
  scope: "open",
  params: z.strictObject({}),
  result: z.object({
    principal: PrincipalId,
    role: Role,
    methods: z.array(z.string()).describe("The methods that it may call."),
    channels: z.array(z.string()).describe("Patterns of the channels that it may publish on and subscribe to."),
    secrets: z
      .array(z.object({ name: SecretName, mode: SecretMode }))
      .describe("The secrets that its loop was granted."),
  }),
  errors: [],
  example: {
    params: {},
    result: { principal: "user:1000", role: "admin", methods: ["rpc.ping"], channels: [">"], secrets: [] },
  },
});

const explain = defineMethod({
  summary: "Show whether a principal may call a method, and why.",
  roles: people,
  effect: "read",
  scope: "open",
  description:
    "The answer comes from the same decision that a call meets: the role, the limits of a token, its expiry, the endpoint that it comes in by, grants of the loop and rules for approvals.",
  params: z.strictObject({
    principal: z
      .string()
      .max(300)
      .regex(
        /^(?:user:\d{1,10}|(?:agent|loop|token):[a-z][a-z0-9]*(?:-[a-z0-9]+)*|matrix:@[a-z0-9._=\-/+]+:[A-Za-z0-9.\-:[\]]+|bridge)$/,
        "Expected user:UID, agent:ID, loop:NAME, token:NAME or matrix:@NAME:SERVER",
      )
      .describe("A principal, or `loop:NAME` for any agent of the loop."),
    method: z.string().min(1).max(100),
  }),
  result: z.object({
    principal: z.string(),
    method: z.string(),
    role: Role.nullable().describe("Null when the principal is not known."),
    allowed: z.boolean(),
    needs_approval: z.boolean(),
    reasons: z.array(z.string()).describe("Each step of the decision, in a sentence."),
  }),
  errors: ["METHOD_NOT_FOUND"],
  example: {
    params: { principal: "agent:heartbeat-1", method: "keystore.get" },
    result: {
      principal: "agent:heartbeat-1",
      method: "keystore.get",
      role: "agent",
      allowed: false,
      needs_approval: false,
      reasons: ["keystore.get admits the roles admin, not agent"],
    },
  },
});

/** Every method of this file, by its name. */
export const accessMethods = {
  "access.whoami": whoami,
  "access.explain": explain,
  "access.grants": grants,
  "access.grant": grant,
  "access.revoke": revoke,
  "access.assign": assign,
} as const;
