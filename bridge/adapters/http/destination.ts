import { BridgeError, type HttpMethod } from "@armorclaw/protocol";
import type { Destination } from "../../access/index.ts";

/** An encoded slash, dot or backslash is read in one way by us and maybe in another by the server. */
const ambiguousPath = /%2e|%2f|%5c|%00|\\|\/\//i;

/** Parses the URL and holds it to where a grant reaches. @throws BridgeError DESTINATION_REFUSED */
export function allowedUrl(
  text: string,
  method: HttpMethod,
  destinations: readonly Destination[],
  plainHosts: readonly string[],
): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw refused("it is no URL");
  const host = url.hostname.toLowerCase();
  const isPlain = url.protocol === "http:" && plainHosts.includes(host);
  if (url.protocol !== "https:" && !isPlain) throw refused("only https is used");
  if (url.username !== "" || url.password !== "") throw refused("it holds a user name or password");
  if (ambiguousPath.test(url.pathname) || ambiguousPath.test(pathOf(text)))
    throw refused("its path can be read in two ways");
  const port = url.port === "" ? (isPlain ? 80 : 443) : Number(url.port);
  const reaching = destinations.filter((one) => one.host === host && one.port === port);
  if (reaching.length === 0) throw refused(`the grant does not reach ${host}:${port}`);
  if (!reaching.some((one) => one.methods.includes(method) && isBelow(url.pathname, one.path)))
    throw refused(`the grant does not reach ${method} ${url.pathname} at ${host}`);
  return url;
}

/** The path itself, or what lies below it; `/v1` does not reach `/v1-admin`. */
function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`);
}

/** As written, before the parser has resolved its dots. */
const pathOf = (text: string): string => /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(text)?.[1] ?? "";

const refused = (why: string) => new BridgeError("DESTINATION_REFUSED", `The call was not made: ${why}`);
