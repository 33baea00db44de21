import type { Role } from "@armorclaw/protocol";
import * as z from "zod";

const address = z
  .string()
  .regex(/^(?:\[[^\]]+\]|[^:]+):\d{1,5}$/, "Expected HOST:PORT")
  .optional()
  .describe("HOST:PORT; nothing listens when left out. An address beyond loopback needs a certificate.");
const tls = {
  tls_cert_file: z
    .string()
    .min(1)
    .optional()
    .describe("PEM file with the certificate and its chain. Only TLS 1.3 is offered."),
  tls_key_file: z.string().min(1).optional().describe("PEM file with the private key."),
};

/** A key that every message is sealed under. */
export const sealKeyFile = (what: string) =>
  z
    .string()
    .min(1)
    .optional()
    .describe(`A file of mode 0600 with 32 bytes as base64 or hex: every message is sealed with AES-256-GCM, ${what}`);

/** The TCP listeners beside the bridge's own socket. */
export const ListenConfig = z
  .strictObject({
    http: z.strictObject({ address, ...tls }).prefault({}),
    websocket: z
      .strictObject({
        address,
        ...tls,
        seal_key_file: sealKeyFile("for a listener on loopback."),
        origins: z
          .array(z.string().min(1))
          .default([])
          .describe("Origins of the web pages that may connect, e.g. https://example.org."),
      })
      .prefault({}),
    jwt: z
      .strictObject({
        issuer: z
          .string()
          .min(1)
          .optional()
          .describe("The issuer whose JWTs are accepted; no JWT is accepted when left out."),
        audience: z.string().min(1).default("armorclaw").describe("The audience that a JWT must name."),
        jwks: z
          .string()
          .min(1)
          .optional()
          .describe("The issuer's keys: an https URL, or a file, which is read again when it changes."),
        role_claim: z.string().min(1).default("armorclaw_role").describe("The claim that holds the role."),
      })
      .prefault({}),
  })
  .prefault({});

const perSecond = (what: string) =>
  z.number().positive().max(10_000_000).optional().describe(`${what} a second; twice as many at once.`);

const rates = z
  .strictObject({
    read_per_s: perSecond("Calls that read"),
    write_per_s: perSecond("Calls that change something"),
    control_per_s: perSecond("Calls of rpc.ping, rpc.cancel and rpc.stream_credit"),
  })
  .prefault({});

/** How fast a principal may call, by its role. Each rate has a default. */
export const RateLimitsConfig = z
  .strictObject({
    penalty: z.number().min(0).max(1000).default(1).describe("The number of calls that a refused call counts as."),
    ...({ admin: rates, operator: rates, viewer: rates, agent: rates } satisfies Record<Role, unknown>),
  })
  .prefault({});
