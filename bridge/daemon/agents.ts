import { join } from "node:path";
import { loopMap } from "@armorclaw/agent-runtime";
import { roomChannels } from "../adapters/matrix/index.ts";
import { AgentSupervisor, agentInbox, SupervisorDirectory } from "../agents/index.ts";
import { Workspaces } from "../containers/index.ts";
import { Consumers } from "../events/index.ts";
import type { AgentEndpoints } from "../rpc/index.ts";
import type { Ground } from "./ground.ts";

/** Composes the supervisor of all agents, and what other domains see of them. */
export function composeAgents(ground: Ground, endpoints: AgentEndpoints) {
  const { store, log, logging, config } = ground;
  const consumers = new Consumers({ store, log, logger: logging.child("events") });
  const supervisor = new AgentSupervisor(
    {
      ...ground,
      endpoints,
      manifests: Object.values(loopMap).map(({ manifest }) => manifest),
      roomChannels,
      inbox: agentInbox(consumers),
      workspaces: new Workspaces(config.stateDir),
      logger: logging.child("agents"),
    },
    { ...config.agents, restart: config.restart, loops: config.loops, logDirectory: join(config.stateDir, "logs") },
  );
  return { supervisor, consumers, directory: new SupervisorDirectory(supervisor) };
}
