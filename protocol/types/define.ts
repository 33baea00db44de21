import type * as z from "zod";
import type { ErrorCode } from "../errors/index.ts";
import type { Grant } from "./manifest.ts";
import type { Role } from "./roles.ts";
import type { MethodScope } from "./scope.ts";

/** A method's whole declaration; dispatch, types, client, CLI, OpenRPC, reference and contract tests derive from it. */
export interface MethodSpec<
  P extends z.ZodType = z.ZodType,
  R extends z.ZodType = z.ZodType,
  E extends ErrorCode = ErrorCode,
  I extends z.ZodType | undefined = z.ZodType | undefined,
> {
  /** One sentence with a period. */
  readonly summary: string;
  readonly description?: string;
  /** Who may call it. */
  readonly roles: readonly Role[];
  /** `write` changes something: it is recorded, and refused while the bridge drains. */
  readonly effect: "read" | "write";
  /** Declares how the call is confined to channels and agents. A token that is limited to these may not call a method without this declaration. */
  readonly scope?: MethodScope;
  /** Only principals of the bridge's own socket may call it, because it shows a secret. */
  readonly atOwnSocket?: true;
  /** The right that an agent's loop needs to call it. */
  readonly grant?: Grant;
  /**
   * Whether calls are recorded in the audit. With true, every call is recorded, because the method reveals or uses a secret. With false,
   * no call is recorded, because the stored result names the caller. When left out, writes by people are recorded.
   */
  readonly audited?: boolean;
  /** A strict object: an unknown field is an error that names the nearest known one. */
  readonly params: P;
  /** A plain object: results may grow. */
  readonly result: R;
  /** When given, the method streams items of this type (`rpc.stream`) before its result. */
  readonly stream?: I;
  /** The catalogue codes that this method itself may answer, besides those every method may. */
  readonly errors: readonly E[];
  /** Classic flat names that keep working. */
  readonly aliases?: readonly string[];
  readonly example: { readonly params: z.input<NoInfer<P>>; readonly result: z.input<NoInfer<R>> };
}

export type AnyMethod = MethodSpec;

export function defineMethod<
  P extends z.ZodType,
  R extends z.ZodType,
  const E extends ErrorCode,
  I extends z.ZodType | undefined = undefined,
>(spec: MethodSpec<P, R, E, I>): MethodSpec<P, R, E, I> {
  return Object.freeze(spec);
}

export type Priority = "critical" | "high" | "normal" | "low";

/** An event type's whole declaration. */
export interface EventSpec<D extends z.ZodType = z.ZodType> {
  readonly summary: string;
  /** The channel, with `<placeholder>` segments, e.g. `agent.<agent_id>.started`. */
  readonly channel: string;
  readonly priority: Priority;
  /** Pushed at once and stored without waiting; kept for a shorter time. A crash may lose the latest. */
  readonly isVolatile?: true;
  readonly data: D;
  readonly example: z.input<NoInfer<D>>;
}

export type AnyEvent = EventSpec;

export function defineEvent<D extends z.ZodType>(spec: EventSpec<D>): EventSpec<D> {
  return Object.freeze(spec);
}

/** Returns the size of the value as JSON, in bytes. */
export const jsonBytes = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;
