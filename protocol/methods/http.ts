import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { DurationMs } from "../types/ids.ts";
import { HttpMethod } from "../types/manifest.ts";

const request = defineMethod({
  summary: "Make an HTTPS call with a secret that the agent never sees.",
  description:
    "Put the token from `secret.claim` into a header or the body in the secret's place. Only the hosts, methods and " +
    "paths of its grant are reached, never a private address, and redirects are not followed. GET and HEAD are repeated at most " +
    "twice within `timeout_ms` when the host does not answer or answers 5xx without `Retry-After`, other methods never. A host that " +
    "keeps failing is not called for a while: HTTP_UNAVAILABLE.",
  roles: ["agent"],
  effect: "write",
  audited: true,
  params: z.strictObject({
    url: z.url().max(4_096),
    method: HttpMethod.default("GET"),
    headers: z.record(z.string().max(100), z.string().max(8_192)).default({}),
    body: z.string().max(8_000_000).optional(),
    encoding: z.enum(["raw", "base64"]).default("raw").describe("How `body` is written."),
    timeout_ms: DurationMs.max(110_000).default(30_000),
  }),
  result: z.object({
    status: z.int(),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
    encoding: z.enum(["raw", "base64"]).describe("The encoding of the body: base64 when it is not UTF-8."),
    duration_ms: z.int(),
  }),
  errors: [
    "APPROVAL_PENDING",
    "APPROVAL_DENIED",
    "APPROVAL_LIMIT",
    "DESTINATION_REFUSED",
    "HTTP_FAILED",
    "HTTP_UNAVAILABLE",
    "SECRET_TOKEN_INVALID",
    "KEY_NOT_FOUND",
    "KEY_EXPIRED",
    "KEYSTORE_LOCKED",
    "KEYSTORE_DAMAGED",
  ],
  example: {
    params: { url: "https://api.openai.com/v1/models", headers: { authorization: "Bearer acp_0123" } },
    result: {
      status: 200,
      headers: { "content-type": "application/json" },
      body: "{}",
      encoding: "raw",
      duration_ms: 210,
    },
  },
});

/** Every method of this file, by its name. */
export const httpMethods = {
  "http.request": request,
} as const;
