import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { PrincipalId } from "../types/ids.ts";
import { everyone, Role } from "../types/roles.ts";

const discover = defineMethod({
  summary: "Describe every method as an OpenRPC document.",
  roles: everyone,
  effect: "read",
  scope: "open",
  params: z.strictObject({}),
  result: z.looseObject({
    openrpc: z.string(),
    info: z.looseObject({ title: z.string(), version: z.string() }),
    methods: z.array(z.looseObject({ name: z.string() })),
  }),
  errors: [],
  example: {
    params: {},
    result: {
      openrpc: "1.3.2",
      info: { title: "ArmorClaw bridge", version: "0.1.0" },
      methods: [{ name: "rpc.ping" }],
    },
  },
});

const ping = defineMethod({
  summary: "Answer, to show that the connection works.",
  roles: everyone,
  effect: "read",
  scope: "open",
  params: z.strictObject({}),
  result: z.object({ pong: z.literal(true) }),
  errors: [],
  example: { params: {}, result: { pong: true } },
});

const authenticate = defineMethod({
  summary: "Authenticate a connection to a listener that has no local users.",
  description:
    "Send it as the first message on a WebSocket that was opened without an `Authorization` header, and on the Windows pipe. Where the peer is " +
    "already authenticated, it returns only the principal.",
  roles: everyone,
  effect: "read",
  scope: "open",
  params: z.strictObject({
    token: z
      .string()
      .max(8_192)
      .describe("An API token, a JWT where the bridge knows an issuer, or the pipe's token from the user's profile.")
      .meta({ writeOnly: true }),
  }),
  result: z.object({ principal: PrincipalId, role: Role }),
  errors: [],
  example: {
    params: { token: "act_q83vEjRWeJA1hVvnmcQ0y0-Zk7Nf2mXbT6sLwPpRd4E" },
    result: { principal: "token:dashboard", role: "viewer" },
  },
});

export const RequestId = z.union([z.string(), z.number(), z.null()]).meta({ id: "RequestId" });

const cancel = defineMethod({
  summary: "Cancel a call that this connection has in flight.",
  description:
    "The cancelled call is answered with CANCELLED. An id that is not in flight is no error: its answer may be on the way.",
  roles: everyone,
  effect: "read",
  scope: "open",
  params: z.strictObject({ id: RequestId.describe("The id of the call to cancel.") }),
  result: z.object({ cancelled: z.boolean().describe("False when no such call was in flight.") }),
  errors: [],
  example: { params: { id: 7 }, result: { cancelled: true } },
});

const streamCredit = defineMethod({
  summary: "Allow a streaming call to send more items.",
  description: "A stream starts with credit for 64 items; each `rpc.stream` notification uses one.",
  roles: everyone,
  effect: "read",
  scope: "open",
  params: z.strictObject({
    id: RequestId.describe("The id of the streaming call."),
    n: z.int().min(1).max(65_536).describe("How many more items may be sent."),
  }),
  result: z.object({ granted: z.boolean().describe("False when no such stream was open.") }),
  errors: [],
  example: { params: { id: 7, n: 32 }, result: { granted: true } },
});

/** Every method of this file, by its name. */
export const rpcMethods = {
  "rpc.discover": discover,
  "rpc.ping": ping,
  "rpc.authenticate": authenticate,
  "rpc.cancel": cancel,
  "rpc.stream_credit": streamCredit,
} as const;
