import { BridgeError } from "@armorclaw/protocol";
import { tokenPattern } from "../../access/index.ts";

/**
 * The headers that a call may set. It is a list of what is allowed, because servers and frameworks know many headers that change the
 * method, the path or the host of a request. `Range` is not among them: a secret that comes back in pieces would not be recognized.
 */
const allowedHeaders = new Set([
  "accept",
  "accept-language",
  "anthropic-beta",
  "anthropic-version",
  "authorization",
  "cache-control",
  "content-digest",
  "content-language",
  "content-md5",
  "content-type",
  "cookie",
  "date",
  "digest",
  "etag",
  "from",
  "idempotency-key",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-unmodified-since",
  "notion-version",
  "openai-beta",
  "openai-organization",
  "openai-project",
  "origin",
  "pragma",
  "prefer",
  "referer",
  "traceparent",
  "tracestate",
  "user-agent",
  "x-correlation-id",
  "x-csrf-token",
  "x-github-api-version",
  "x-goog-user-project",
  "x-idempotency-key",
  "x-request-id",
  "x-requested-with",
]);
/** Names of headers and parameters that name a method, path or host. They are refused even where a secret is their value. */
const overriding = /method|rewrite|original|override|forward|^x-host|host$|url$|uri$|path$/i;
const headerName = /^[A-Za-z0-9-]+$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;
const wholeToken = new RegExp(`^${tokenPattern.source}$`);

/**
 * Checks the headers that an agent sets. A header whose whole value is a token, such as `X-Api-Key`, may have any name that does not
 * redirect the request.
 * @throws BridgeError DESTINATION_REFUSED
 */
export function assertHeaders(headers: Readonly<Record<string, string>>): void {
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  if (new Set(names).size < names.length) throw refused("A header may be set once");
  for (const [name, value] of Object.entries(headers)) {
    if (!headerName.test(name) || !headerValue.test(value)) throw refused(`The header ${shown(name)} is malformed`);
    const isKey = wholeToken.test(value) && !isConnectionHeader.test(name) && !overriding.test(name);
    if (!isKey && !allowedHeaders.has(name.toLowerCase())) throw refused(`The header ${shown(name)} may not be set`);
  }
}

/** These headers control the connection, and the bridge sets them itself. */
const isConnectionHeader =
  /^(?:host|content-length|content-encoding|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|range|if-range|proxy-.*|accept-encoding)$/i;

/** A letter as it is, percent-encoded or as a JSON escape, in either case. */
const spelled = (text: string): string =>
  [...text]
    .map((letter) => ({ letter, hex: letter.charCodeAt(0).toString(16) }))
    .map(({ letter, hex }) => `(?:${letter}|%${hex}|\\\\u00${hex})`)
    .join("");
const parameter = ["_method", "x-http-method-override", "x-http-method", "x-method-override", "_httpmethod"]
  .map(spelled)
  .join("|");
const overridingParameter = new RegExp(`(?:^|[?&;])(?:${parameter})(?:=|%3d)`, "i");
const field = spelled("_method");
const overridingField = new RegExp(`"${field}"\\s{0,20}:|name\\s{0,20}=\\s{0,20}"?_method\\b`, "i");

/** Refuses parameters that frameworks take for the method of the request, such as `_method`. @throws BridgeError DESTINATION_REFUSED */
export function assertNoMethodParameter(url: URL, body: Buffer | undefined): void {
  const text = body?.toString("latin1") ?? "";
  if (overridingParameter.test(url.search) || overridingParameter.test(text) || overridingField.test(text))
    throw refused("A parameter like `_method` may not be set, because servers take it for the method");
}

const shown = (name: string): string => JSON.stringify(name.slice(0, 100));

const refused = (why: string) => new BridgeError("DESTINATION_REFUSED", `The call was not made: ${why}`);
