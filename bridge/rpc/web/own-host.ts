import type { IncomingMessage } from "node:http";
import { BridgeError } from "@armorclaw/protocol/errors";

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

export interface HostRules {
  /** The host of the address that the listener is bound to. */
  readonly boundHost: string;
  /** Whether browsers verify the host by its certificate. */
  readonly isTls: boolean;
  /** Pages of other origins that may call, e.g. `https://dashboard.example.org`. */
  readonly origins: readonly string[];
}

/**
 * Refuses requests of web pages that the operator did not allow: those of another origin, and those that reach a loopback address
 * by a name of their own (DNS rebinding). A program that is no browser sends no Origin.
 * @throws BridgeError FORBIDDEN
 */
export function assertOwnHost({ headers }: IncomingMessage, { boundHost, isTls, origins }: HostRules): void {
  const host = hostOf(headers.host);
  if (host === undefined) throw new BridgeError("FORBIDDEN", "The request needs one valid Host header");
  const allowed = origins.flatMap((origin) => (URL.canParse(origin) ? [new URL(origin).hostname] : []));
  if (!isTls && !loopback.test(host) && host !== boundHost && !allowed.includes(host))
    throw new BridgeError("FORBIDDEN", `This listener is not reached by the name ${host.slice(0, 100)}`);
  const { origin } = headers;
  if (origin !== undefined && !origins.includes(origin))
    throw new BridgeError("FORBIDDEN", `Pages of ${origin.slice(0, 100)} may not call`);
}

/** The host name of a Host header, without its port. */
function hostOf(header: string | undefined): string | undefined {
  if (header === undefined || !/^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.test(header)) return undefined;
  return header.replace(/:\d{1,5}$/, "").toLowerCase();
}
