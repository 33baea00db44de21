import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";

/** Methods about the caller's own connection, which every token may call. */
const always = /^rpc\.(?:ping|cancel|stream_credit|authenticate)$/;

/** @returns FORBIDDEN when the principal's token does not reach the method */
export function scopeRefusal(method: string, principal: Principal): BridgeError | undefined {
  if (principal.kind !== "token" || principal.methods === undefined || always.test(method)) return undefined;
  const domain = `${method.split("../listen")[0]}.*`;
  if (principal.methods.includes(method) || principal.methods.includes(domain)) return undefined;
  return new BridgeError("FORBIDDEN", `${principal.id} may not call ${method}`, { method });
}
