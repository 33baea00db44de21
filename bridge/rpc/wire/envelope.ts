import { BridgeError, errorCatalogue, type WireError } from "@armorclaw/protocol/errors";
import { type JSONRPCError, JSONRPCErrorException, type JSONRPCID, type JSONRPCRequest } from "json-rpc-2.0";
import { isOutOfDescriptors } from "../../platform/os/descriptors.ts";
import { WrittenNumber } from "./exact-json.ts";

// Of json-rpc-2.0 this folder uses the types and the error class. Its server would cost half of the throughput, answers a
// batch of one as an object, rejects on null, and answers an uncaught error with code 0 and the error's own text.

/** A request as the guard below lets it through. */
export type Request = Pick<JSONRPCRequest, "method" | "params"> & { readonly id?: JSONRPCID | WrittenNumber };

/** The text of an invalid or unknown id. */
export const unknownId = "null";

/**
 * Tells a request from what is none, in 15 ns where a schema would take a microsecond. Objects come from `JSON.parse`, so
 * that a name which an object inherits is never mistaken for a member.
 */
export function isRequest(value: unknown): value is Request {
  if (typeof value !== "object" || value === null) return false;
  const { jsonrpc, method, id } = value as Partial<Record<string, unknown>>;
  return jsonrpc === "2.0" && typeof method === "string" && (id === undefined || isId(id));
}

/** Whether a value is a response. Answering a stray response with an error could start an endless exchange. */
export function isResponse(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { jsonrpc, method, result, error } = value as Partial<Record<string, unknown>>;
  return jsonrpc === "2.0" && method === undefined && (result !== undefined || error !== undefined);
}

const isId = (id: unknown): id is JSONRPCID | WrittenNumber =>
  typeof id === "string" || typeof id === "number" || id === null || id instanceof WrittenNumber;

/** Returns an id as JSON text, exactly as the caller sent it. */
export function idText(id: JSONRPCID | WrittenNumber): string {
  if (typeof id === "number") return Object.is(id, -0) ? "-0" : String(id);
  return id instanceof WrittenNumber ? id.text : JSON.stringify(id);
}

/** Returns the id of an invalid request, or `null` when it has no valid id. */
export function idTextOf(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return unknownId;
  const { id } = value as { readonly id?: unknown };
  return isId(id) ? idText(id) : unknownId;
}

export const resultHead = (id: string): string => `{"jsonrpc":"2.0","id":${id},"result":`;

/** Concatenates around the result's text, which costs a third less than stringifying the whole answer. */
export const resultText = (id: string, result: string): string => `${resultHead(id)}${result}}`;

export const errorText = (id: string, error: WireError | JSONRPCError): string =>
  `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`;

/** Converts a thrown value to a wire error. Returns undefined for a bug, which must not reach the caller. */
export function wireErrorOf(thrown: unknown, correlationId: string): WireError | JSONRPCError | undefined {
  const exhausted = ofDescriptors(thrown);
  if (exhausted !== undefined) return exhausted.toWire(correlationId);
  if (thrown instanceof BridgeError) return thrown.toWire(correlationId);
  if (thrown instanceof JSONRPCErrorException && Number.isInteger(thrown.code)) return thrown.toObject();
  return undefined;
}

/** What the lack of a descriptor has caused anywhere is no bug and no fault of what failed by it. */
function ofDescriptors(thrown: unknown): BridgeError | undefined {
  if (!isOutOfDescriptors(thrown)) return undefined;
  const what = thrown instanceof BridgeError ? `${thrown.message}: the` : "The";
  return new BridgeError("DESCRIPTORS_EXHAUSTED", `${what} bridge has no file descriptor left`);
}

/** Returns the string code of a thrown error for logs and metrics. */
export function errorCodeOf(thrown: unknown): string {
  if (ofDescriptors(thrown) !== undefined) return "DESCRIPTORS_EXHAUSTED";
  if (thrown instanceof BridgeError) return thrown.code;
  return thrown instanceof JSONRPCErrorException ? String(thrown.code) : "INTERNAL";
}

/** The most characters of a caller's text that an error repeats. */
const quotedMax = 100;

export const quoted = (text: string): string =>
  text.length <= quotedMax ? text : `${text.slice(0, quotedMax)}… (${text.length} characters)`;

/**
 * What a line is besides JSON. A browser or a proxy may speak HTTP to the socket: what follows is then not ours to run, even
 * where a line of it parses.
 */
export function lineKind(line: string): "blank" | "http" | "other" {
  const first = line.charCodeAt(0);
  if (first === 0x7b || first === 0x5b) return "other";
  if (/^[ \t\r]*$/.test(line)) return "blank";
  return /^[A-Z]+ \S+ HTTP\/\d/.test(line) ? "http" : "other";
}

/** Returns the error for a line that is not JSON, with the most likely cause. */
export function parseError(line: string | undefined): WireError {
  if (line === undefined) return new BridgeError("PARSE_ERROR", "The line is not valid UTF-8").toWire();
  if (line.startsWith("\ufeff"))
    return new BridgeError("PARSE_ERROR", "The line begins with a byte order mark").toWire();
  const { summary } = errorCatalogue.PARSE_ERROR;
  return new BridgeError(
    "PARSE_ERROR",
    `${summary}; each value stands whole on one line (\`jq -c\` makes it so), and this line is not one`,
  ).toWire();
}
