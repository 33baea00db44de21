import assert from "node:assert/strict";
import { BridgeError, type MethodsOf } from "@armorclaw/protocol";
import {
  type Access,
  type ApiTokens,
  assertUnlimited,
  explainCall,
  type Grant,
  type PrincipalSources,
  reachesMethod,
} from "../access/index.ts";
import type { HttpBroker } from "../adapters/http/index.ts";
import type { ApprovalInterceptor } from "../approvals/index.ts";
import type { Keystore } from "../keystore/index.ts";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Call, Handlers, RpcServer } from "../rpc/index.ts";
import { iso, isoOrNull } from "./time.ts";

export interface AccessHandlerDeps {
  readonly access: Access;
  readonly tokens: Pick<ApiTokens, "revokeCreatedBy">;
  readonly keystore: Pick<Keystore, "info">;
  readonly agents: Pick<AgentDirectory, "running">;
  readonly principals: PrincipalSources;
  readonly server: Pick<RpcServer, "disconnect">;
  readonly interceptor: Pick<ApprovalInterceptor, "mayNeedApproval">;
  readonly http: Pick<HttpBroker, "request">;
}

export function accessHandlers(deps: AccessHandlerDeps): Handlers<MethodsOf<"access" | "secret" | "http">> {
  const { access, tokens, keystore, agents, server, interceptor, principals } = deps;
  /** Ends the connections of a principal whose rights changed, and the tokens that it created. */
  const disconnect = async (principal: string) => {
    const derived = await tokens.revokeCreatedBy(principal);
    return [principal, ...derived.map((name) => `token:${name}`)].reduce((sum, one) => sum + server.disconnect(one), 0);
  };
  return {
    ...delivery(deps),
    "access.whoami": (_, { principal }) => {
      const loop = principal.kind === "agent" ? access.loopOf(principal.agentId) : undefined;
      const grants = loop === undefined ? [] : access.grants(loop);
      return {
        principal: principal.id,
        role: principal.role,
        methods: access.methodsOf(principal.role).filter((method) => reachesMethod(principal, method)),
        channels: access.channels(principal, "subscribe"),
        secrets: grants.map(({ name, mode }) => ({ name, mode })),
      };
    },
    "access.explain": ({ principal, method }) => {
      const { role, allowed, reasons } = explainCall(principals, principal, method);
      const needs_approval = allowed && interceptor.mayNeedApproval(principal, method);
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
      keystore.info(key_id);
      return wireGrant(await access.grant(loop, name, key_id, principal.id));
    },
    "access.revoke": async ({ loop, name, principal }) => {
      if (principal !== undefined) {
        const revoked = await access.unassign(principal);
        return { revoked, closed_connections: await disconnect(principal), holders: [] };
      }
      if (loop === undefined) throw new BridgeError("INVALID_PARAMS", "Name a loop, or a principal");
      const { revoked, holders } = await access.revoke(loop, name);
      const closed = agents.running(loop).map((agentId) => server.disconnect(`agent:${agentId}`));
      return { revoked, closed_connections: closed.reduce((sum, count) => sum + count, 0), holders };
    },
    "access.assign": async ({ principal, role }, call) => {
      assertUnlimited(call.principal);
      await access.assign(principal, role, call.principal.id);
      // A connection keeps the role that it was opened with, so the peer must reconnect.
      return { principal, role, closed_connections: await disconnect(principal) };
    },
  };
}

function delivery({ access, http }: AccessHandlerDeps): Handlers<"secret.claim" | "http.request"> {
  return {
    "secret.claim": async ({ renew }, call) => {
      const { secrets, denied } = await access.claim(agentIdOf(call), renew);
      return {
        secrets: secrets.map(({ name, mode, value, expiresAt }) => ({
          name,
          mode,
          value,
          expires_at: isoOrNull(expiresAt),
        })),
        denied: [...denied],
      };
    },
    "http.request": async ({ timeout_ms, url, method, headers, body, encoding }, call) => {
      const wanted = { url, method, headers, body, encoding, timeoutMs: timeout_ms };
      const { durationMs, ...answer } = await http.request(agentIdOf(call), wanted, call.signal);
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
  granted_at: iso(grant.grantedAt),
});
