import { BridgeError } from "@armorclaw/protocol/errors";
import { nearest } from "@armorclaw/protocol/nearest";
import * as z from "zod";
import { quoted } from "../wire/envelope.ts";
import { settleNumbers, WrittenNumber } from "../wire/exact-json.ts";

/** The most wrong fields in one error; nobody fixes more at once. */
const issuesMax = 10;

/** Reads a method's params. Throws INVALID_PARAMS. */
export type ParamsReader = (params: unknown, exact: boolean) => unknown;

/**
 * @param idKey the param that names a request: its number keeps its text, as the request's own id does
 * @returns a reader for a params schema. By-position params are mapped onto an object schema's keys in their order.
 */
export function paramsReader(schema: z.ZodType, idKey?: string): ParamsReader {
  const keys = schema instanceof z.ZodObject ? Object.keys(schema.shape) : undefined;
  return (params, exact) => {
    if (params !== undefined && (typeof params !== "object" || params === null)) {
      throw invalidParams([{ path: "", message: "Expected an object or an array" }]);
    }
    const named = keys === undefined ? params : byName(params, keys);
    const written = exact && idKey !== undefined ? takeWritten(named, idKey) : undefined;
    if (exact && named !== undefined) refuseInexact(named);
    const parsed = schema.safeParse(named);
    if (parsed.success)
      return written === undefined ? parsed.data : { ...(parsed.data as object), [String(idKey)]: written };
    throw invalidParams(parsed.error.issues.slice(0, issuesMax).map((issue) => describe(issue, keys ?? [])));
  };
}

function byName(params: object | undefined, keys: readonly string[]): object {
  if (!Array.isArray(params)) return params ?? {};
  if (params.length > keys.length) {
    const message = `Expected at most ${keys.length} values (${keys.join(", ")}), got ${params.length}`;
    throw invalidParams([{ path: "", message }]);
  }
  return Object.fromEntries(params.map((value: unknown, index) => [keys[index], value]));
}

/** Takes a number's text out of the params, and leaves a number in its place for the schema. */
function takeWritten(params: object | undefined, key: string): WrittenNumber | undefined {
  const value = (params as Record<string, unknown> | undefined)?.[key];
  if (!(value instanceof WrittenNumber)) return undefined;
  Object.assign(params ?? {}, { [key]: 0 });
  return value;
}

function refuseInexact(params: object): void {
  const found = settleNumbers(params);
  if (found === undefined) return;
  const message = `The number ${quoted(found.text)} cannot be kept exactly; send it as a string`;
  throw invalidParams([{ path: quoted(found.path), message }]);
}

interface Issue {
  readonly path: string;
  readonly message: string;
}

function describe(issue: z.core.$ZodIssue, known: readonly string[]): Issue {
  const path = quoted(issue.path.join("."));
  if (issue.code !== "unrecognized_keys") return { path, message: quoted(issue.message) };
  const [key = ""] = issue.keys;
  const near = issue.path.length === 0 && key.length <= 100 ? nearest(key, known) : undefined;
  const hint = near === undefined ? "" : `; did you mean "${near}"?`;
  return { path: quoted([...issue.path, key].join(".")), message: `Unknown field "${quoted(key)}"${hint}` };
}

function invalidParams(issues: readonly Issue[]): BridgeError {
  const [first] = issues;
  const where = first?.path === "" ? "" : `\`${first?.path}\`: `;
  return new BridgeError("INVALID_PARAMS", `Invalid params: ${where}${first?.message}`, { issues });
}
