import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ChannelPattern, type LoopManifest } from "@armorclaw/protocol";
import { Agent } from "../instance/agent.ts";
import type { AgentRecord } from "../instance/records.ts";
import { RestartPolicy } from "../instance/restart-policy.ts";
import { StartGate } from "../instance/start-limiter.ts";
import { WarmStandby } from "../instance/warm-standby.ts";
import { LogBook } from "../logs/agent-log.ts";
import { LogFile } from "../logs/log-file.ts";
import { Quota } from "../logs/quota.ts";
import type { Readiness } from "./dependencies.ts";
import type { EngineWatch } from "./engine-monitor.ts";
import type { SupervisorDeps, SupervisorSettings } from "./supervisor-options.ts";

/** An agent may use ten seconds' worth of its quota at once. */
const burstSeconds = 10;
const perSecond = (rate: number) => ({ perSecond: rate, burst: rate * burstSeconds });

/** Makes agents with all that one works with. */
export class AgentMaker {
  readonly #deps: SupervisorDeps;
  readonly #settings: SupervisorSettings;
  readonly #engineWatch: EngineWatch;
  readonly #readiness: Readiness;
  readonly #gate: StartGate;

  constructor(deps: SupervisorDeps, settings: SupervisorSettings, engineWatch: EngineWatch, readiness: Readiness) {
    this.#deps = deps;
    this.#settings = settings;
    this.#engineWatch = engineWatch;
    this.#readiness = readiness;
    this.#gate = new StartGate(2 * availableParallelism());
  }

  make(record: AgentRecord, manifest: LoopManifest): Agent {
    const { engine, endpoints, workspaces, records, mail, publish, clock, random, logger } = this.#deps;
    const { helloDeadlineMs, hangAfterMs, stopGraceMs, restart, eventsPerSecond } = this.#settings;
    const { agentId, slot, expiresAtMs } = record;
    const { limits, grants } = manifest;
    const plan = { agentId, manifest, limits, grants, subscriptions: heardBy(record, manifest), slot, expiresAtMs };
    const toStart = { engine, endpoints, workspaces, clock, logger, helloDeadlineMs, gate: this.#gate };
    return new Agent(plan, record, {
      ...toStart,
      records,
      mail,
      publish,
      hangAfterMs,
      stopGraceMs,
      standby: new WarmStandby(plan, toStart),
      policy: new RestartPolicy(restart, random),
      engineWatch: this.#engineWatch,
      log: this.#log(agentId),
      eventQuota: new Quota(clock, perSecond(eventsPerSecond)),
      awaitDependencies: (plan, onWait, isPatient, signal) =>
        this.#readiness.of(plan.manifest.after, onWait, signal, isPatient ? undefined : helloDeadlineMs),
      onReady: () => this.#readiness.changed(),
      background: (work) => {
        work.catch((error: unknown) => logger.error({ error, agent: agentId }, "agent task failed"));
      },
    });
  }

  #log(agentId: string): LogBook {
    const { clock, logger } = this.#deps;
    const { logDirectory, logBytesMax: bytesMax, logBytesPerSecond } = this.#settings;
    const path = logDirectory === undefined ? undefined : join(logDirectory, `${agentId}.ndjson`);
    const file = path === undefined ? undefined : new LogFile(path, bytesMax, clock, logger);
    return new LogBook({ clock, bytesMax, quota: new Quota(clock, perSecond(logBytesPerSecond)), file });
  }
}

/** What its loop hears; one that is suspended also hears of tasks for it. */
function heardBy({ agentId }: AgentRecord, { subscriptions, idle }: LoopManifest): LoopManifest["subscriptions"] {
  return idle === undefined ? subscriptions : [...subscriptions, ChannelPattern.parse(`agent.${agentId}.task.offered`)];
}
