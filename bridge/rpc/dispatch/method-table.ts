import assert from "node:assert/strict";
import type { AnyMethod, Role } from "@armorclaw/protocol";
import { BridgeError, type ErrorCode } from "@armorclaw/protocol/errors";
import { nearest } from "@armorclaw/protocol/nearest";
import type * as z from "zod";
import { quoted } from "../wire/envelope.ts";
import type { Call, StreamingCall } from "./call.ts";
import { type ParamsReader, paramsReader } from "./params.ts";

/** A handler as the dispatcher calls it: its params have been parsed by the method's own schema. */
export type AnyHandler = (params: never, call: Call & StreamingCall<unknown>) => unknown;

/** One method with its declaration and its handler. */
export interface MethodEntry {
  readonly name: string;
  readonly spec: AnyMethod;
  readonly roles: ReadonlySet<Role>;
  readonly isWrite: boolean;
  readonly isStreaming: boolean;
  readonly readParams: ParamsReader;
  readonly handle: (params: unknown, call: Call) => unknown;
  /** Present only when results are validated, in tests and development. */
  readonly checks?: ContractChecks;
}

/** Checks a handler against its declaration. */
export interface ContractChecks {
  /** Throws when the result does not match. */
  result(value: unknown): void;
  /** Throws when the stream item does not match. */
  item(value: unknown): void;
  isDeclared(thrown: unknown): boolean;
}

export interface MethodTable {
  /** Every declaration, by its one name. */
  readonly contract: Readonly<Record<string, AnyMethod>>;
  get(name: string): MethodEntry | undefined;
  /** Returns METHOD_NOT_FOUND with the nearest existing name. */
  notFound(name: string): BridgeError;
  /** Returns the same methods with `checks`. */
  checked(): MethodTable;
}

/** @returns why the role may not call the method */
export function refusedRole(name: string, roles: readonly Role[], role: Role): BridgeError | undefined {
  return roles.includes(role)
    ? undefined
    : new BridgeError("FORBIDDEN", `${name} may not be called with the role ${role}`);
}

/** Joins the declarations and handlers of a contract. A method without a handler is a bug of the caller. */
export function createMethodTable(
  contract: Readonly<Record<string, AnyMethod>>,
  handlers: Readonly<Record<string, AnyHandler>>,
  aliases: ReadonlyMap<string, string> = new Map(),
): MethodTable {
  const entries = new Map<string, MethodEntry>();
  for (const [name, spec] of Object.entries(contract)) {
    const handler = handlers[name];
    assert(handler !== undefined, `The method ${name} has no handler`);
    entries.set(name, {
      name,
      spec,
      roles: new Set(spec.roles),
      isWrite: spec.effect === "write",
      isStreaming: spec.stream !== undefined,
      // In the methods named `rpc.*`, the param `id` is the id of a request.
      readParams: paramsReader(spec.params, name.startsWith("rpc.") ? "id" : undefined),
      handle: handler as MethodEntry["handle"],
    });
  }
  for (const [alias, name] of aliases) {
    const entry = entries.get(name);
    assert(entry !== undefined && !entries.has(alias), `The alias ${alias} names no method, or a name that is taken`);
    entries.set(alias, entry);
  }
  return tableOf(contract, entries);
}

function tableOf(contract: MethodTable["contract"], entries: ReadonlyMap<string, MethodEntry>): MethodTable {
  return {
    contract,
    get: (name) => entries.get(name),
    notFound: (name) => {
      const near = name.length <= 100 ? nearest(name, entries.keys()) : undefined;
      const hint = near === undefined ? "" : `; did you mean ${near}?`;
      return new BridgeError("METHOD_NOT_FOUND", `No method is named ${quoted(name)}${hint}`);
    },
    checked: () =>
      tableOf(contract, new Map([...entries].map(([name, entry]) => [name, { ...entry, checks: checksOf(entry) }]))),
  };
}

/** The errors that every method may answer without declaring them. */
const undeclaredErrors: readonly ErrorCode[] = [
  "INVALID_REQUEST",
  "INVALID_PARAMS",
  "INTERNAL",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "RATE_LIMITED",
  "SHUTTING_DOWN",
  "CANCELLED",
  "TIMED_OUT",
  "FRAME_TOO_LARGE",
  "TOO_MANY_IN_FLIGHT",
  "DUPLICATE_ID",
  "DESCRIPTORS_EXHAUSTED",
  "AUDIT_UNAVAILABLE",
  "APPROVAL_PENDING",
  "APPROVAL_DENIED",
  "APPROVAL_LIMIT",
];

function checksOf({ name, spec }: MethodEntry): ContractChecks {
  const check = (schema: z.ZodType | undefined, what: string, value: unknown) => {
    const error = schema?.safeParse(value).error;
    if (error !== undefined) throw new Error(`${name} ${what} what it does not declare`, { cause: error });
  };
  const declared: readonly string[] = [...undeclaredErrors, ...spec.errors];
  return {
    result: (value) => check(spec.result, "returned", value),
    item: (value) => check(spec.stream, "streamed", value),
    isDeclared: (thrown) => !(thrown instanceof BridgeError) || declared.includes(thrown.code),
  };
}
