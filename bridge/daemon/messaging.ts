import { BridgeError, type LoopManifest, type Principal } from "@armorclaw/protocol";
import { Circuits } from "../adapters/http/circuits.ts";
import { webhook } from "../adapters/http/webhook.ts";
import type { MessageRights } from "../api/message.ts";
import { messageHandlers } from "../api/message.ts";
import { queueHandlers } from "../api/queue.ts";
import { taskHandlers } from "../api/task.ts";
import type { Config } from "../config/index.ts";
import { type Consumers, type DurableEventLog, Mailbox } from "../events/index.ts";
import type { Logging } from "../logging/index.ts";
import { type Destination, Outbox } from "../outbox/index.ts";
import type { Store } from "../store/index.ts";
import { Tasks, type Workers } from "../tasks/index.ts";

export interface MessagingDeps {
  readonly store: Store;
  readonly log: DurableEventLog;
  readonly random: () => number;
  readonly logging: Logging;
  readonly config: Config;
  readonly consumers: Consumers;
  readonly agents: AgentsByLoop;
  /** Where messages go besides webhooks. */
  readonly destinations: readonly Destination[];
}

/** The agents, as those who write to them and give them work see them. */
export interface AgentsByLoop {
  find(agentId: string): { readonly loop: string } | undefined;
  manifest(loop: string): LoopManifest;
  manifests(): readonly LoopManifest[];
  running(loop: string): readonly string[];
}

/** Constructs what goes over the log: durable subscriptions, messages between agents, tasks, and what leaves the bridge. */
export function composeMessaging({
  store,
  log,
  random,
  logging,
  config,
  agents,
  destinations,
  ...deps
}: MessagingDeps) {
  const circuits = new Circuits({ clock: log.clock, logger: logging.child("webhook") }, config.http);
  const hooks = webhook(new Map(Object.entries(config.webhooks)), circuits);
  const outbox = new Outbox({ log, store, logger: logging.child("outbox"), random }, [hooks, ...destinations]);
  const workers = workersOf(agents);
  const rights = messageRights(agents);
  const tasks = new Tasks({ log, store, workers, logger: logging.child("tasks") });
  return {
    consumers: deps.consumers,
    outbox,
    circuits: () => circuits.states,
    services: [outbox, tasks],
    handlers: {
      ...messageHandlers(new Mailbox(log), rights),
      ...taskHandlers(tasks, rights),
      ...queueHandlers(outbox),
    },
  };
}

function loopOf(agents: AgentsByLoop, agentId: string): LoopManifest {
  const found = agents.find(agentId);
  if (found === undefined) {
    throw new BridgeError("AGENT_NOT_FOUND", `No agent called ${agentId} runs`, { agent_id: agentId });
  }
  return agents.manifest(found.loop);
}

const workersOf = (agents: AgentsByLoop): Workers => ({
  capabilitiesOf: (agentId) => loopOf(agents, agentId).capabilities,
  withCapability: (capability) =>
    agents
      .manifests()
      .flatMap(({ name, capabilities }) => (capabilities.includes(capability) ? agents.running(name) : [])),
});

/** People write to every agent, an agent to those of the loops that its manifest names. */
const messageRights = (agents: AgentsByLoop): MessageRights => {
  const mayReach = (from: Principal, loop: string): boolean =>
    from.kind !== "agent" || (loopOf(agents, from.agentId).sends_to as readonly string[]).includes(loop);
  return {
    assertMaySend(from, toAgentId) {
      const { name } = loopOf(agents, toAgentId);
      if (mayReach(from, name)) return;
      throw new BridgeError("FORBIDDEN", `${from.id} may not send to agents of the loop ${name}`, { loop: name });
    },
    assertMaySendToCapable(from, capability) {
      for (const { name, capabilities } of agents.manifests()) {
        if (!capabilities.includes(capability) || mayReach(from, name)) continue;
        throw new BridgeError("FORBIDDEN", `${from.id} may not give work to agents of the loop ${name}`, {
          loop: name,
        });
      }
    },
  };
};
