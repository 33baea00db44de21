/** The pinned names of the wire itself. */
export const wireMethodRoles: Record<string, string> = {
  "rpc.authenticate": "admin operator viewer agent",
  "token.create": "admin",
  "token.list": "admin",
  "token.revoke": "admin",
};

export const wireErrorNumbers: Record<string, number> = {
  TOKEN_EXISTS: -32017,
  TOKEN_NOT_FOUND: -32018,
  ISSUER_UNAVAILABLE: -32019,
  SERVER_NOT_TRUSTED: -32021,
  DESCRIPTORS_EXHAUSTED: -32022,
  ADDRESS_IN_USE: -32020,
};
