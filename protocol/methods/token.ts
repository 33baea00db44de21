import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { AgentId, ChannelPattern, PrincipalId, Timestamp } from "../types/ids.ts";
import { people } from "../types/roles.ts";

const TokenName = z
  .string()
  .max(40)
  .regex(
    /^(?!jwt-)[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/,
    "Expected kebab-case: lower-case letters, digits and single hyphens, and not jwt- first, as JWTs have it",
  )
  .meta({ id: "TokenName", description: "An API token, in kebab-case. Its principal is token:NAME." });

const scope = {
  methods: z
    .array(z.string().regex(/^[a-z_]+\.(?:[a-z_]+|\*)$/, "Expected a method, or a domain and .*"))
    .max(100)
    .optional()
    .describe("Only these methods, e.g. agent.list or event.*. The default is all methods of the role."),
  channels: z
    .array(ChannelPattern)
    .max(100)
    .optional()
    .describe("Only these channels, for subscribing and publishing. The default is all channels."),
  agents: z
    .array(AgentId)
    .max(100)
    .optional()
    .describe("Only these agents, and without `channels` only their channels. The default is all agents."),
  addresses: z
    .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))
    .max(100)
    .optional()
    .describe("Only from these addresses or networks. The default is any address."),
};

/** An API token, without its secret. */
export const TokenInfo = z
  .object({
    name: TokenName,
    principal: PrincipalId,
    role: z.enum(people),
    ...scope,
    expires_at: Timestamp.nullable(),
    created_at: Timestamp,
    created_by: z.string(),
  })
  .meta({ id: "TokenInfo" });
export type TokenInfo = z.output<typeof TokenInfo>;

const exampleToken = {
  name: "dashboard",
  principal: "token:dashboard",
  role: "viewer" as const,
  methods: ["agent.*"],
  expires_at: "2027-11-21T08:00:00.000Z",
  created_at: "2026-11-21T08:00:00.000Z",
  created_by: "user:1000",
};

const create = defineMethod({
  summary: "Create an API token for the listeners that cannot identify local users.",
  description:
    "The token is shown only now: the bridge stores only its hash. A token that another token creates has its creator's limits, may narrow them, and ends with its creator. A token that is limited to channels or agents may call only the methods that the contract confines to them. `/health` and `/metrics` need the method bridge.health.",
  roles: ["admin"],
  effect: "write",
  audited: true,
  params: z.strictObject({
    name: TokenName,
    role: z.enum(people).default("viewer"),
    ...scope,
    expires_in_days: z.number().positive().max(3650).default(365).describe("How long the token is valid."),
  }),
  result: TokenInfo.extend({
    token: z.string().describe("Send it as `Authorization: Bearer`, or to `rpc.authenticate`."),
  }),
  errors: ["TOKEN_EXISTS"],
  example: {
    params: { name: "dashboard", methods: ["agent.*"] },
    result: { ...exampleToken, token: "act_q83vEjRWeJA1hVvnmcQ0y0-Zk7Nf2mXbT6sLwPpRd4E" },
  },
});

const list = defineMethod({
  summary: "List the API tokens.",
  roles: ["admin"],
  effect: "read",
  params: z.strictObject({}),
  result: z.object({ tokens: z.array(TokenInfo) }),
  errors: [],
  example: { params: {}, result: { tokens: [exampleToken] } },
});

const revoke = defineMethod({
  summary: "Revoke an API token, and close its connections.",
  roles: ["admin"],
  effect: "write",
  params: z.strictObject({ name: TokenName }),
  result: z.object({ revoked: z.literal(true), closed_connections: z.int() }),
  errors: ["TOKEN_NOT_FOUND"],
  example: { params: { name: "dashboard" }, result: { revoked: true, closed_connections: 1 } },
});

/** Every method of this file, by its name. */
export const tokenMethods = {
  "token.create": create,
  "token.list": list,
  "token.revoke": revoke,
} as const;
