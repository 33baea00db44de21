import { BridgeError, type MethodsOf, type TokenInfo } from "@armorclaw/protocol";
import type { ApiToken, ApiTokens } from "../access/index.ts";
import { unknownAgent, unknownChannel, unknownMethod } from "../config/index.ts";
import type { Handlers, RpcServer } from "../rpc/index.ts";
import { iso, isoOrNull } from "./time.ts";

const dayMs = 86_400_000;

export function tokenHandlers(
  tokens: ApiTokens,
  now: () => number,
  server: Pick<RpcServer, "disconnect">,
): Handlers<MethodsOf<"token">> {
  return {
    "token.create": async ({ name, role, methods, channels, agents, addresses, expires_in_days }, { principal }) => {
      assertKnown(methods, (method) => unknownMethod(method, true));
      assertKnown(channels, unknownChannel);
      assertKnown(agents, unknownAgent);
      const scope = { methods, channels, agents, addresses };
      const expiresAt = Math.round(now() + expires_in_days * dayMs);
      const { token, info } = await tokens.create({ name, role, ...scope, expiresAt }, principal);
      return { ...shown(info), token };
    },
    "token.list": () => ({ tokens: tokens.list().map(shown) }),
    "token.revoke": async ({ name }) => {
      const names = await tokens.revoke(name);
      const closed = names.map((one) => server.disconnect(`token:${one}`));
      return { revoked: true, closed_connections: closed.reduce((sum, count) => sum + count, 0) };
    },
  };
}

/** A limit to what nothing is called would be a token that is good for nothing. @throws BridgeError INVALID_PARAMS */
function assertKnown(names: readonly string[] | undefined, check: (name: string) => string | undefined): void {
  for (const name of names ?? []) {
    const wrong = check(name);
    if (wrong !== undefined) throw new BridgeError("INVALID_PARAMS", wrong);
  }
}

function shown({
  name,
  role,
  methods,
  channels,
  agents,
  addresses,
  expiresAt,
  createdAt,
  createdBy,
}: ApiToken): TokenInfo {
  const listed = (key: string, value: readonly string[] | undefined) =>
    value === undefined ? {} : { [key]: [...value] };
  return {
    name,
    principal: `token:${name}`,
    role,
    ...listed("methods", methods),
    ...listed("channels", channels),
    ...listed("agents", agents),
    ...listed("addresses", addresses),
    expires_at: isoOrNull(expiresAt),
    created_at: iso(createdAt),
    created_by: createdBy,
  };
}
