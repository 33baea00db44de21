import type { AgentActivity } from "@armorclaw/protocol";
import type { ContainerRecord, Engine, Workspaces } from "../../containers/index.ts";
import type { PublishEvent } from "../../events/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { AgentEndpoints } from "../../rpc/index.ts";
import type { LogBook } from "../logs/agent-log.ts";
import type { Quota } from "../logs/quota.ts";
import type { AgentMail } from "./agent-inbox.ts";
import type { AgentPlan } from "./plan.ts";
import type { AgentRecords } from "./records.ts";
import type { RestartPolicy } from "./restart-policy.ts";
import type { StartGate } from "./start-limiter.ts";
import type { WarmStandby } from "./warm-standby.ts";

/** What one agent works with. */
export interface AgentDeps {
  readonly engine: Engine;
  readonly endpoints: AgentEndpoints;
  readonly workspaces: Workspaces;
  readonly publish: PublishEvent;
  readonly records: AgentRecords;
  readonly mail: AgentMail;
  readonly policy: RestartPolicy;
  readonly gate: StartGate;
  readonly standby: WarmStandby;
  readonly engineWatch: { whenBack(message: string, signal: AbortSignal): Promise<void> };
  readonly log: LogBook;
  readonly eventQuota: Quota;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly helloDeadlineMs: number;
  readonly hangAfterMs: number;
  readonly stopGraceMs: number;
  /**
   * Resolves when an agent of each loop that this one comes after is ready; tells meanwhile what it waits for.
   * @param isPatient nobody waits for the start, so it may take as long as it takes
   */
  readonly awaitDependencies: (
    plan: AgentPlan,
    onWait: (message: string) => void,
    isPatient: boolean,
    signal: AbortSignal,
  ) => Promise<void>;
  readonly onReady: () => void;
  /** Takes what nobody waits for: its failure is logged. */
  readonly background: (work: Promise<unknown>) => void;
}

/** What an agent says with each heartbeat. */
export interface Beat {
  readonly seq: number;
  readonly activity: AgentActivity;
  readonly rssBytes?: number | undefined;
  readonly lagMs?: number | undefined;
}

export interface AgentStart {
  /** Whether a first start that fails is tried again, as every later one is. */
  readonly keepTrying: boolean;
  /** The container that an earlier bridge started for it. */
  readonly adopted?: ContainerRecord | undefined;
}
