import type { AgentActivity } from "@armorclaw/protocol";
import type { Config } from "../../config/index.ts";
import type { ContainerRecord, Engine, Workspaces } from "../../containers/index.ts";
import type { PublishEvent } from "../../events/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { AgentEndpoints } from "../../rpc/index.ts";
import type { AgentLog } from "../logs/agent-log.ts";
import type { Quota } from "../logs/quota.ts";
import type { AgentInbox } from "./agent-inbox.ts";
import type { RestartPolicy } from "./restart-decision.ts";
import type { StartQueue } from "./start-queue.ts";
import type { AgentRecords } from "./store.ts";

/** The configuration's table `agents`, as far as one agent goes. */
export type AgentSettings = Readonly<Omit<Config["agents"], "start">>;

/** The collaborators and settings of one agent. */
export interface AgentDeps {
  readonly engine: Engine;
  readonly endpoints: AgentEndpoints;
  readonly workspaces: Workspaces;
  readonly publish: PublishEvent;
  readonly records: AgentRecords;
  readonly inbox: AgentInbox;
  readonly policy: RestartPolicy;
  readonly starts: StartQueue;
  readonly engineMonitor: { untilReachable(message: string, signal: AbortSignal): Promise<void> };
  readonly log: AgentLog;
  readonly eventQuota: Quota;
  readonly eventBytesQuota: Quota;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: AgentSettings;
  /** Owns a promise that no caller awaits: its failure is logged. */
  readonly background: (work: Promise<unknown>) => void;
}

/** What an agent reports with each heartbeat. */
export interface Heartbeat {
  readonly seq: number;
  readonly activity: AgentActivity;
  readonly rssBytes?: number | undefined;
  readonly lagMs?: number | undefined;
}

export interface AgentStart {
  /** Whether a first start that fails is tried again, as every later one is. */
  readonly keepTrying: boolean;
  /** The container that an earlier bridge started for this agent. */
  readonly adopted?: ContainerRecord | undefined;
}
