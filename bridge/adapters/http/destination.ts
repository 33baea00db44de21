import { BridgeError, type HttpMethod } from "@armorclaw/protocol";
import type { Destination } from "../../access/index.ts";

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
  if (isAmbiguous(url.pathname) || isAmbiguous(pathOf(text)))
    throw refused("its path is ambiguous; write it without dot segments, empty segments and encoded separators");
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

/**
 * Whether another server could read the path in another way than the bridge does: one that decodes twice, cuts parameters off a
 * segment (`..;`), takes full-width or look-alike characters for ASCII ones, or ignores dots and blanks at the end of a segment.
 */
function isAmbiguous(path: string): boolean {
  const segments = path.split("/").slice(1);
  return segments.some((segment, index) => isAmbiguousSegment(segment, index === segments.length - 1));
}

function isAmbiguousSegment(segment: string, isLast: boolean): boolean {
  const decoded = decode(segment);
  if (decoded === undefined) return true;
  const plain = decoded.normalize("NFKC").replace(/\p{Cf}/gu, "");
  // \u2215, \u2044, \u29f8 and \u2216, \u29f5 look like a slash and a backslash, and code pages map them to these.
  if (/[\p{Cc}/\\\u2215\u2044\u29f8\u2216\u29f5]|%(?:u|[0-9a-f]{2})/iu.test(plain)) return true;
  const [name = ""] = plain.split(/[;?#]/, 1);
  if (name === "") return plain !== "" || !isLast;
  return /^[\s.]+$/.test(name);
}

/** @returns undefined for what is not percent-encoded UTF-8 */
function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** The path as written, before the parser resolves its dots. */
const pathOf = (text: string): string => /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(text)?.[1] ?? "";

const refused = (why: string) => new BridgeError("DESTINATION_REFUSED", `The call was not made: ${why}`);
