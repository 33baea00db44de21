import { BridgeError, type HttpMethod } from "@armorclaw/protocol";
import type { Destination } from "../../access/index.ts";

/** The bridge and the server may read an encoded slash, dot or backslash in different ways. */
const ambiguousPath = /%2e|%2f|%5c|%00|\\|\/\//i;

/** Parses the URL and checks that a grant allows it. @throws BridgeError DESTINATION_REFUSED */
export function allowedUrl(
  text: string,
  method: HttpMethod,
  destinations: readonly Destination[],
  plainHosts: readonly string[],
): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw refused("it is not a URL");
  const host = url.hostname.toLowerCase();
  const isPlain = url.protocol === "http:" && plainHosts.includes(host);
  if (url.protocol !== "https:" && !isPlain) throw refused("its scheme is not https");
  if (url.username !== "" || url.password !== "") throw refused("it holds a user name or password");
  if (ambiguousPath.test(url.pathname) || ambiguousPath.test(pathOf(text))) throw refused("its path is ambiguous");
  const port = url.port === "" ? (isPlain ? 80 : 443) : Number(url.port);
  const reaching = destinations.filter((one) => one.host === host && one.port === port);
  if (reaching.length === 0) throw refused(`the grant does not allow ${host}:${port}`);
  if (!reaching.some((one) => one.methods.includes(method) && isBelow(url.pathname, one.path)))
    throw refused(`the grant does not allow ${method} ${url.pathname} at ${host}`);
  return url;
}

/** Whether the path is the root or lies below it; `/v1-admin` is not below `/v1`. */
function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`);
}

/** The path as written, before the parser resolves its dots. */
const pathOf = (text: string): string => /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(text)?.[1] ?? "";

const refused = (why: string) => new BridgeError("DESTINATION_REFUSED", `The call was not made: ${why}`);
