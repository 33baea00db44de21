import type { Principal, Role } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Call, Peer, StreamingCall } from "./call.ts";
import type { DispatcherOptions } from "./dispatcher.ts";
import type { MethodEntry, MethodTable } from "./method-table.ts";

/** Items that are kept of what a method streams. */
const itemsMax = 200;

export interface DirectCallOptions extends Pick<DispatcherOptions, "gate" | "around" | "onForbidden"> {
  readonly table: MethodTable;
  readonly deadlineMs: number;
}

/** Calls of those who come in by no connection of their own, such as a person in a room. */
export interface DirectCalls {
  effectOf(method: string): "read" | "write" | undefined;
  /** The same checks and records as for a call that came by a socket. */
  call(
    method: string,
    params: object,
    principal: Principal,
  ): Promise<{ readonly result: unknown; readonly items: readonly unknown[] }>;
}

/** There is nobody to push to. */
const noPeer: Peer = { id: 0, push: () => false, writable: () => undefined, onClose: () => undefined };

export function directCalls({ table, gate, around, onForbidden, deadlineMs }: DirectCallOptions): DirectCalls {
  let calls = 0;
  return {
    effectOf: (method) => table.get(method)?.spec.effect,
    async call(method, params, principal) {
      const entry = table.get(method);
      if (entry === undefined) throw table.notFound(method);
      const items: unknown[] = [];
      const call: Call & Pick<StreamingCall<unknown>, "write"> = {
        principal,
        peer: noPeer,
        signal: AbortSignal.timeout(deadlineMs),
        correlationId: `direct-${++calls}`,
        write: async (item) => {
          if (items.length < itemsMax) items.push(item);
        },
      };
      let isAdmitted = false;
      try {
        admit(entry, principal, gate);
        const parsed = entry.readParams(params, false);
        isAdmitted = true;
        const handle = () => entry.handle(parsed, call);
        const result = await (around === undefined ? handle() : around({ ...call, entry }, parsed, handle));
        return { result, items };
      } catch (error) {
        if (error instanceof BridgeError && error.code === "FORBIDDEN") onForbidden?.({ ...call, entry }, isAdmitted);
        throw error;
      }
    },
  };
}

function admit(entry: MethodEntry, principal: Principal, gate: DirectCallOptions["gate"]): void {
  if (!entry.roles.has(principal.role satisfies Role))
    throw new BridgeError("FORBIDDEN", `${entry.name} may not be called with the role ${principal.role}`);
  const refusal = gate?.(entry, principal);
  if (refusal !== undefined) throw refusal;
}
