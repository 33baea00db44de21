import assert from "node:assert/strict";
import type { AgentId, AgentInfo, AgentUsage, MethodsOf, UsageSample } from "@armorclaw/protocol";
import type { Agent, AgentSnapshot, AgentSupervisor, AgentUsageReading, UsageReading } from "../agents/index.ts";
import type { Call, Handlers } from "../rpc/index.ts";
import { iso, isoOrNull } from "./time.ts";

export function agentHandlers(agents: AgentSupervisor): Handlers<Exclude<MethodsOf<"agent">, "agent.send">> {
  /** The agent whose socket the call came in by. */
  const caller = (call: Call) => agents.get(callerId(call));
  return {
    "agent.start": async ({ agent_type, name, ttl_ms }) => started(await agents.launch(agent_type, name, ttl_ms)),
    "agent.stop": async ({ agent_id, container_id, grace_ms }) => {
      const agent = container_id === undefined ? agents.get(agent_id ?? "") : agents.getByContainer(container_id);
      await agent.stop(grace_ms);
      const { agentId, containerId, state, exit } = agent.snapshot;
      return {
        agent_id: agentId,
        container_id: containerId,
        container_name: containerId,
        state,
        status: state,
        exit,
      };
    },
    "agent.restart": async ({ agent_id, grace_ms }) => agentInfo((await agents.restart(agent_id, grace_ms)).snapshot),
    "agent.pause": async ({ agent_id }) => {
      const agent = agents.get(agent_id);
      await agent.pause();
      return agentInfo(agent.snapshot);
    },
    "agent.resume": async ({ agent_id }) => agentInfo((await agents.resumeAgent(agent_id)).snapshot),
    "agent.remove_workspace": ({ agent_id }) => ({ removed: agents.removeWorkspace(agent_id) }),
    "agent.list": ({ all }) => ({ agents: agents.list(all).map(agentInfo) }),
    "agent.get": ({ agent_id }) => agentInfo(agents.get(agent_id).snapshot),
    "agent.logs": async ({ agent_id, ...query }, call) => {
      let lines = 0;
      for await (const line of agents.get(agent_id).log.read(query, call.signal)) {
        await call.write(line);
        lines += 1;
      }
      return { lines };
    },
    "agent.usage": async ({ agent_id, history }) => ({
      agents: (await agents.usage(agent_id, history)).map(agentUsage),
    }),
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
  const { snapshot, container, endpointPath } = agent;
  return {
    ...agentInfo(snapshot),
    container_name: container?.name ?? "",
    status: snapshot.state,
    endpoint: endpointPath ?? "",
  };
}

function agentInfo(agent: AgentSnapshot): AgentInfo {
  return {
    agent_id: agent.agentId,
    agent_type: agent.loop,
    state: agent.state,
    activity: agent.activity,
    ready: agent.isReady,
    live: agent.isLive,
    message: agent.message,
    container_id: agent.containerId,
    pid: agent.pid,
    standby_pid: agent.standbyPid,
    isolation: agent.isolation,
    epoch: agent.epoch,
    restarts: agent.restarts,
    created_at: iso(agent.createdAtMs),
    started_at: isoOrNull(agent.startedAtMs),
    last_heartbeat_at: isoOrNull(agent.lastHeartbeatAtMs),
    heartbeats: agent.heartbeats,
    expires_at: isoOrNull(agent.expiresAtMs),
    exit: agent.exit,
  };
}

export function agentUsage(usage: AgentUsageReading): AgentUsage {
  const { time: _, ...sample } = usageSample(usage);
  return {
    agent_id: usage.agentId,
    ...sample,
    workspace_bytes: usage.workspace?.usedBytes ?? null,
    workspace_size_bytes: usage.workspace?.sizeBytes ?? null,
    log_bytes: usage.logBytes,
    log_bytes_dropped: usage.logBytesDropped,
    events_refused: usage.eventsRefused,
    history: usage.history.map(usageSample),
  };
}

const usageSample = (reading: UsageReading): UsageSample => ({
  time: iso(reading.timeMs),
  memory_bytes: reading.memoryBytes,
  cpu_percent: reading.cpuPercent,
  pids: reading.pids,
  io_read_bytes: reading.ioReadBytes,
  io_write_bytes: reading.ioWriteBytes,
});
