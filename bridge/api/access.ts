import assert from "node:assert/strict";
import { BridgeError } from "@armorclaw/protocol";
import type { Access, Grant } from "../access/index.ts";
import type { Call, Handlers } from "../rpc/index.ts";

type AccessMethods =
  | "access.whoami"
  | "access.explain"
  | "access.grants"
  | "access.grant"
  | "access.revoke"
  | "access.assign"
  | "secret.claim"
  | "http.request";

/** What the handlers need besides the rights themselves. */
export interface AccessPorts {
  /** @throws BridgeError KEY_NOT_FOUND */
  requireKey(id: string): void;
  /** Ends the live connections of a principal. @returns how many there were */
  disconnect(principal: string): number;
  runningAgents(loop: string): readonly string[];
  needsApproval(principal: string, method: string): boolean;
  request(
    agentId: string,
    call: {
      readonly url: string;
      readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string | undefined;
      readonly encoding: "raw" | "base64";
      readonly timeoutMs: number;
    },
    signal: AbortSignal,
  ): Promise<{
    status: number;
    headers: Record<string, string>;
    body: string;
    encoding: "raw" | "base64";
    durationMs: number;
  }>;
}

export function accessHandlers(access: Access, ports: AccessPorts): Handlers<AccessMethods> {
  return {
    ...delivery(access, ports),
    "access.whoami": (_, { principal }) => {
      const loop = principal.kind === "agent" ? access.loopOf(principal.agentId) : undefined;
      const grants = loop === undefined ? [] : access.grants(loop);
      return {
        principal: principal.id,
        role: principal.role,
        methods: access.methodsOf(principal.role),
        channels: access.channels(principal, "subscribe"),
        secrets: grants.map(({ name, mode }) => ({ name, mode })),
      };
    },
    "access.explain": ({ principal, method }) => {
      const { role, allowed, reasons } = access.explain(principal, method);
      const needs_approval = allowed && ports.needsApproval(principal, method);
      return {
        principal,
        method,
        role,
        allowed,
        needs_approval,
        reasons: needs_approval ? [...reasons, "A rule asks for a person's approval of each call"] : reasons,
      };
    },
    "access.grants": ({ loop }) => ({
      grants: access.grants(loop).map(wireGrant),
      open: access.open(loop).map(({ loop, name, mode, purpose }) => ({ loop, name, mode, purpose })),
    }),
    "access.grant": async ({ loop, name, key_id = name }, { principal }) => {
      ports.requireKey(key_id);
      return wireGrant(await access.grant(loop, name, key_id, principal.id));
    },
    "access.revoke": async ({ loop, name, principal }) => {
      if (principal !== undefined) {
        const revoked = await access.unassign(principal);
        return { revoked, closed_connections: ports.disconnect(principal), holders: [] };
      }
      if (loop === undefined) throw new BridgeError("INVALID_PARAMS", "Name a loop, or a principal");
      const { revoked, holders } = await access.revoke(loop, name);
      const closed = ports.runningAgents(loop).map((agentId) => ports.disconnect(`agent:${agentId}`));
      return { revoked, closed_connections: closed.reduce((sum, count) => sum + count, 0), holders };
    },
    "access.assign": async ({ principal, role }, call) => {
      await access.assign(principal, role, call.principal.id);
      // A connection keeps the role that it came with: it has to come anew.
      return { principal, role, closed_connections: ports.disconnect(principal) };
    },
  };
}

function delivery(access: Access, ports: AccessPorts): Handlers<"secret.claim" | "http.request"> {
  return {
    "secret.claim": async ({ renew }, call) => {
      const { secrets, denied } = await access.claim(agentIdOf(call), renew);
      return {
        secrets: secrets.map(({ name, mode, value, expiresAt }) => ({
          name,
          mode,
          value,
          expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
        })),
        denied: [...denied],
      };
    },
    "http.request": async ({ timeout_ms, url, method, headers, body, encoding }, call) => {
      const wanted = { url, method, headers, body, encoding, timeoutMs: timeout_ms };
      const { durationMs, ...answer } = await ports.request(agentIdOf(call), wanted, call.signal);
      return { ...answer, duration_ms: durationMs };
    },
  };
}

function agentIdOf({ principal }: Call): string {
  assert(principal.kind === "agent", "the method's roles admit agents alone");
  return principal.agentId;
}

const wireGrant = (grant: Grant) => ({
  loop: grant.loop,
  name: grant.name,
  key_id: grant.keyId,
  mode: grant.mode,
  destinations: grant.destinations.map(({ host, port, methods, path }) => ({
    host,
    port,
    methods: [...methods],
    path,
  })),
  granted_by: grant.grantedBy,
  granted_at: new Date(grant.grantedAt).toISOString(),
});
