import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ChannelPattern, type LoopManifest } from "@armorclaw/protocol";
import { Agent } from "../instance/agent.ts";
import { RestartPolicy } from "../instance/restart-decision.ts";
import { StartLimiter } from "../instance/start-limiter.ts";
import type { AgentRecord } from "../instance/store.ts";
import { WarmStandby } from "../instance/warm-standby.ts";
import { AgentLog } from "../logs/agent-log.ts";
import { LogFile } from "../logs/log-file.ts";
import { Quota } from "../logs/quota.ts";
import type { Dependencies } from "./dependencies.ts";
import type { EngineMonitor } from "./engine-monitor.ts";
import type { SupervisorDeps, SupervisorSettings } from "./supervisor-options.ts";

/** The burst of a quota is what the quota gives in this many seconds. */
const burstSeconds = 10;
const perSecond = (rate: number) => ({ perSecond: rate, burst: rate * burstSeconds });

/** Creates agents with their collaborators. */
export class AgentFactory {
  readonly #deps: SupervisorDeps;
  readonly #settings: SupervisorSettings;
  readonly #engineMonitor: EngineMonitor;
  readonly #dependencies: Dependencies;
  readonly #limiter: StartLimiter;

  constructor(
    deps: SupervisorDeps,
    settings: SupervisorSettings,
    engineMonitor: EngineMonitor,
    dependencies: Dependencies,
  ) {
    this.#deps = deps;
    this.#settings = settings;
    this.#engineMonitor = engineMonitor;
    this.#dependencies = dependencies;
    this.#limiter = new StartLimiter(2 * availableParallelism());
  }

  create(record: AgentRecord, manifest: LoopManifest): Agent {
    const { engine, endpoints, workspaces, records, inbox, publish, clock, random, logger } = this.#deps;
    const settings = this.#settings;
    const { helloDeadlineMs, restart, eventsPerSecond, eventBytesPerSecond } = settings;
    const { agentId, slot, expiresAtMs } = record;
    const { limits, grants } = manifest;
    const subscriptions = subscriptionsOf(record, manifest);
    const plan = { agentId, loop: manifest.name, slot, limits, grants, manifest, subscriptions, expiresAtMs };
    const startDeps = { engine, endpoints, workspaces, clock, logger, settings, limiter: this.#limiter };
    return new Agent(plan, record, {
      ...startDeps,
      records,
      inbox,
      publish,
      standby: new WarmStandby(plan, startDeps),
      policy: new RestartPolicy(restart, random),
      engineMonitor: this.#engineMonitor,
      log: this.#log(agentId),
      eventQuota: new Quota(clock, perSecond(eventsPerSecond)),
      eventBytesQuota: new Quota(clock, perSecond(eventBytesPerSecond)),
      awaitDependencies: (plan, onWait, isPatient, signal) =>
        this.#dependencies.wait(plan.manifest.after, onWait, signal, isPatient ? undefined : helloDeadlineMs),
      onReady: () => this.#dependencies.agentReady(),
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
