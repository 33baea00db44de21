import { type AnyMethod, methods, type ResultIn } from "@armorclaw/protocol";
import { openRpcDocument } from "@armorclaw/protocol/openrpc";
import { idText } from "../wire/envelope.ts";
import type { Handlers } from "./call.ts";
import { inFlightOf } from "./running-call.ts";

/** The methods that every served contract has. */
export const builtinMethods = {
  "rpc.discover": methods["rpc.discover"],
  "rpc.ping": methods["rpc.ping"],
  "rpc.authenticate": methods["rpc.authenticate"],
  "rpc.cancel": methods["rpc.cancel"],
  "rpc.stream_credit": methods["rpc.stream_credit"],
} as const;

/** @param contract what `rpc.discover` describes; described at the first call */
export function builtinHandlers(
  version: string,
  contract: Readonly<Record<string, AnyMethod>>,
): Handlers<keyof typeof builtinMethods> {
  let document: ResultIn<"rpc.discover"> | undefined;
  return {
    "rpc.discover": () => {
      document ??= describe(version, contract);
      return document;
    },
    "rpc.ping": () => ({ pong: true }),
    // Listeners that need a token handle the first message themselves. A call that arrives here has a known caller.
    "rpc.authenticate": (_, { principal }) => ({ principal: principal.id, role: principal.role }),
    "rpc.cancel": ({ id }, call) => ({ cancelled: inFlightOf(call).cancel(idText(id)) }),
    "rpc.stream_credit": ({ id, n }, call) => ({ granted: inFlightOf(call).grant(idText(id), n) }),
  };
}

function describe(version: string, contract: Readonly<Record<string, AnyMethod>>): ResultIn<"rpc.discover"> {
  const { openrpc, info, methods: described, components } = openRpcDocument(version, contract);
  return {
    openrpc,
    info,
    methods: described.map((method) => ({ ...method, name: String(method["name"]) })),
    components,
  };
}
