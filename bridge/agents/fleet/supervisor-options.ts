import type { LoopManifestInput } from "@armorclaw/protocol";
import type { Engine, Workspaces } from "../../containers/index.ts";
import type { PublishEvent } from "../../events/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { AgentEndpoints } from "../../rpc/index.ts";
import type { AgentMail } from "../instance/agent-inbox.ts";
import type { AgentRecords } from "../instance/records.ts";
import type { RestartSettings } from "../instance/restart-policy.ts";
import type { QuotaSettings } from "../logs/quota.ts";
import type { LoopOverride } from "./loops.ts";

export interface SupervisorSettings {
  /** Loops started with the bridge. */
  readonly start: readonly string[];
  readonly agentsMax: number;
  /** How many start at the same time. */
  readonly startsAtOnce: number;
  readonly helloDeadlineMs: number;
  /** An agent that gives no sign of life for this long is killed. */
  readonly hangAfterMs: number;
  readonly stopGraceMs: number;
  /** How often what runs is held against what should. */
  readonly reconcileMs: number;
  readonly usageIntervalMs: number;
  readonly log: {
    /** Where logs are kept over restarts; in memory alone when left out. */
    readonly directory?: string;
    /** Of what is kept of each agent, in memory and on disk. */
    readonly bytesMax: number;
    readonly quota: QuotaSettings;
  };
  readonly eventQuota: QuotaSettings;
  readonly restart: RestartSettings;
  /** What the operator changed of loops' manifests. */
  readonly loops: Readonly<Record<string, LoopOverride | undefined>>;
}

export interface SupervisorDeps {
  readonly engine: Engine;
  readonly endpoints: AgentEndpoints;
  readonly workspaces: Workspaces;
  readonly manifests: readonly LoopManifestInput[];
  readonly records: AgentRecords;
  readonly mail: AgentMail;
  readonly publish: PublishEvent;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}
