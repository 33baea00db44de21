import type { BridgeClient, ClientCore } from "./types/options.ts";

/** Adds `client.<domain>.<verb>(params, options)`, which calls `<domain>.<verb>`. The contract is in the types alone. */
export function withNamespaces(core: ClientCore): BridgeClient {
  const namespaces = new Map<string, object>();
  return new Proxy(core, {
    get(target, key) {
      // `then` must stay undefined, or awaiting a client would call a method of that name.
      if (typeof key === "symbol" || key in target || key === "then") return Reflect.get(target, key);
      const made = namespaces.get(key) ?? namespace(core, key);
      namespaces.set(key, made);
      return made;
    },
  }) as BridgeClient;
}

function namespace(core: ClientCore, domain: string): object {
  return new Proxy(Object.create(null) as object, {
    get: (_, verb) =>
      typeof verb === "symbol" || verb === "then"
        ? undefined
        : (params?: unknown, options?: object) => core.call(`${domain}.${verb}`, params, options),
  });
}
