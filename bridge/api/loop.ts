import type { MethodsOf } from "@armorclaw/protocol";
import type { AgentSupervisor } from "../agents/index.ts";
import type { Handlers } from "../rpc/index.ts";

export function loopHandlers(agents: AgentSupervisor): Handlers<MethodsOf<"loop">> {
  return {
    "loop.list": () => ({ loops: agents.manifests().map(({ manifest, agents }) => ({ ...manifest, agents })) }),
    "loop.get": ({ name }) => {
      const { manifest, agents: running } = agents.manifest(name);
      return { ...manifest, agents: running };
    },
  };
}
