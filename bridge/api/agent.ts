import assert from "node:assert/strict";
import type { AgentId } from "@armorclaw/protocol";
import type { Agent, AgentSupervisor } from "../agents/index.ts";
import type { Call, Handlers } from "../rpc/index.ts";

type AgentMethods =
  | "agent.start"
  | "agent.stop"
  | "agent.restart"
  | "agent.pause"
  | "agent.resume"
  | "agent.remove_workspace"
  | "agent.list"
  | "agent.get"
  | "agent.logs"
  | "agent.usage"
  | "agent.hello"
  | "agent.heartbeat"
  | "agent.report";

export function agentHandlers(agents: AgentSupervisor): Handlers<AgentMethods> {
  /** The agent whose socket the call came in by. */
  const caller = (call: Call) => agents.get(callerId(call));
  return {
    "agent.start": async ({ agent_type, name, ttl_ms }) => started(await agents.launch(agent_type, name, ttl_ms)),
    "agent.stop": async ({ agent_id, container_id, grace_ms }) => {
      const agent = container_id === undefined ? agents.get(agent_id ?? "") : agents.getByContainer(container_id);
      await agent.stop(grace_ms);
      const { info } = agent;
      return {
        agent_id: info.agent_id,
        container_id: info.container_id,
        container_name: info.container_id,
        state: info.state,
        status: info.state,
        exit: info.exit,
      };
    },
    "agent.restart": async ({ agent_id, grace_ms }) => (await agents.restart(agent_id, grace_ms)).info,
    "agent.pause": async ({ agent_id }) => {
      const agent = agents.get(agent_id);
      await agent.pause();
      return agent.info;
    },
    "agent.resume": async ({ agent_id }) => (await agents.resumeAgent(agent_id)).info,
    "agent.remove_workspace": ({ agent_id }) => ({ removed: agents.removeWorkspace(agent_id) }),
    "agent.list": ({ all }) => ({ agents: agents.list(all) }),
    "agent.get": ({ agent_id }) => agents.get(agent_id).info,
    "agent.logs": async ({ agent_id, ...query }, call) => {
      let lines = 0;
      for await (const line of agents.get(agent_id).log.read(query, call.signal)) {
        await call.write(line);
        lines += 1;
      }
      return { lines };
    },
    "agent.usage": async ({ agent_id, history }) => ({ agents: await agents.usage(agent_id, history) }),
    "agent.hello": async (_, call) => {
      const agent = caller(call);
      const { epoch } = await agent.hello();
      const { manifest } = agent.plan;
      return {
        agent_id: agent.plan.agentId,
        agent_type: manifest.name,
        epoch,
        schedule_ms: manifest.schedule.every_ms,
        heartbeat_ms: manifest.heartbeat_ms,
        subscriptions: [...agent.plan.subscriptions],
      };
    },
    "agent.heartbeat": ({ seq, activity, rss_bytes, lag_ms }, call) => {
      caller(call).heartbeat({ seq, activity, rssBytes: rss_bytes, lagMs: lag_ms });
      return { ok: true };
    },
    "agent.report": ({ activity, message }, call) => {
      caller(call).report(activity, message);
      return { ok: true };
    },
  };
}

function callerId({ principal }: Call): AgentId {
  assert(principal.kind === "agent", "the method's roles admit agents alone");
  return principal.agentId;
}

function started(agent: Agent) {
  const { info, container, endpointPath } = agent;
  return { ...info, container_name: container?.name ?? "", status: info.state, endpoint: endpointPath ?? "" };
}
