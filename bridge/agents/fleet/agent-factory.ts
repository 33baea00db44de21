import { availableParallelism } from "node:os";
import { join } from "node:path";
import { AgentId, ChannelPattern, type LoopManifest } from "@armorclaw/protocol";
import { Agent } from "../instance/agent.ts";
import { RestartPolicy } from "../instance/restart-decision.ts";
import { StartQueue } from "../instance/start-queue.ts";
import type { AgentRecord } from "../instance/store.ts";
import { AgentLog } from "../logs/agent-log.ts";
import { LogFile } from "../logs/log-file.ts";
import { Quota } from "../logs/quota.ts";
import type { EngineMonitor } from "./engine-monitor.ts";
import type { SupervisorDeps, SupervisorSettings } from "./supervisor-options.ts";

/** The burst of a quota is what the quota gives in this many seconds. */
const burstSeconds = 10;
const perSecond = (rate: number) => ({ perSecond: rate, burst: rate * burstSeconds });

/** The names and slots that agents of this bridge use. */
export interface Taken {
  readonly names: readonly string[];
  readonly slots: readonly number[];
}

/** Creates agents with their collaborators. */
export class AgentFactory {
  readonly #deps: SupervisorDeps;
  readonly #settings: SupervisorSettings;
  readonly #engineMonitor: EngineMonitor;
  readonly #starts: StartQueue;

  constructor(
    deps: SupervisorDeps,
    settings: SupervisorSettings,
    engineMonitor: EngineMonitor,
    isReady: (loop: string) => boolean,
  ) {
    this.#deps = deps;
    this.#settings = settings;
    this.#engineMonitor = engineMonitor;
    this.#starts = new StartQueue(2 * availableParallelism(), isReady);
  }

  /** A record for a new agent, with a free name and slot. The agent is desired once it is started. */
  newRecord(
    manifest: LoopManifest,
    origin: AgentRecord["origin"],
    taken: Taken,
    name?: AgentId,
    ttlMs: number | undefined = manifest.ttl_ms,
  ): AgentRecord {
    const { records, clock } = this.#deps;
    const reserved = records.all().filter(({ desired }) => desired === "run");
    const agentId = name ?? freeName(manifest.name, [...taken.names, ...reserved.map((record) => record.agentId)]);
    const now = clock.now();
    return {
      agentId,
      loop: manifest.name,
      origin,
      desired: "rest",
      slot: lowestFree([...taken.slots, ...reserved.map(({ slot }) => slot)]),
      epoch: records.get(agentId)?.epoch ?? 0,
      isPaused: false,
      isSuspended: false,
      restarts: 0,
      createdAtMs: now,
      expiresAtMs: ttlMs === undefined ? null : now + ttlMs,
    };
  }

  create(record: AgentRecord, manifest: LoopManifest): Agent {
    const { engine, endpoints, workspaces, records, inbox, publish, clock, random, logger } = this.#deps;
    const settings = this.#settings;
    const { restart, eventsPerSecond, eventBytesPerSecond } = settings;
    const { agentId, slot, expiresAtMs } = record;
    const { limits, grants } = manifest;
    const subscriptions = subscriptionsOf(record, manifest);
    const plan = { agentId, loop: manifest.name, slot, limits, grants, manifest, subscriptions, expiresAtMs };
    return new Agent(plan, record, {
      engine,
      endpoints,
      workspaces,
      records,
      inbox,
      publish,
      clock,
      logger,
      settings,
      starts: this.#starts,
      policy: new RestartPolicy(restart, random),
      engineMonitor: this.#engineMonitor,
      log: this.#log(agentId),
      eventQuota: new Quota(clock, perSecond(eventsPerSecond)),
      eventBytesQuota: new Quota(clock, perSecond(eventBytesPerSecond)),
      background: (work) => {
        work.catch((error: unknown) => logger.error({ error, agent: agentId }, "agent task failed"));
      },
    });
  }

  #log(agentId: string): AgentLog {
    const { clock, logger } = this.#deps;
    const { logDirectory, logBytesMax: bytesMax, logBytesPerSecond } = this.#settings;
    const path = logDirectory === undefined ? undefined : join(logDirectory, `${agentId}.ndjson`);
    const file = path === undefined ? undefined : new LogFile(path, bytesMax, clock, logger);
    return new AgentLog({ clock, bytesMax, quota: new Quota(clock, perSecond(logBytesPerSecond)), file });
  }
}

/** The loop's subscriptions. An agent that is suspended when idle is also woken by tasks that are offered to it. */
function subscriptionsOf(record: AgentRecord, { subscriptions, idle }: LoopManifest): LoopManifest["subscriptions"] {
  if (idle === undefined) return subscriptions;
  return [...subscriptions, ChannelPattern.parse(`agent.${record.agentId}.task.offered`)];
}

function freeName(loop: string, taken: readonly string[]): AgentId {
  for (let number = 1; ; number++) {
    const name = `${loop}-${number}`;
    if (!taken.includes(name)) return AgentId.parse(name);
  }
}

function lowestFree(taken: readonly number[]): number {
  const used = new Set(taken);
  let slot = 0;
  while (used.has(slot)) slot += 1;
  return slot;
}
