import type { LoopManifestInput } from "@armorclaw/protocol";
import type { Config } from "../../config/index.ts";
import type { Engine, Workspaces } from "../../containers/index.ts";
import type { PublishEvent } from "../../events/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { AgentEndpoints } from "../../rpc/index.ts";
import type { AgentInbox } from "../instance/agent-inbox.ts";
import type { AgentRecords } from "../instance/store.ts";

export interface SupervisorSettings extends Readonly<Omit<Config["agents"], "start">> {
  /** The loops that are started with the bridge. */
  readonly start: readonly string[];
  readonly restart: Config["restart"];
  readonly loops: Config["loops"];
  /** The directory that agents' logs are kept in over restarts. Without it they are kept in memory alone. */
  readonly logDirectory?: string;
}

export interface SupervisorDeps {
  readonly engine: Engine;
  readonly endpoints: AgentEndpoints;
  readonly workspaces: Workspaces;
  readonly manifests: readonly LoopManifestInput[];
  /** The pattern of the channels of a Matrix room. */
  readonly roomChannels: (roomId: string) => string;
  readonly records: AgentRecords;
  readonly inbox: AgentInbox;
  readonly publish: PublishEvent;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}
