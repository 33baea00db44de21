import type { AgentRecords } from "../agents/index.ts";
import type { Config } from "../config/index.ts";
import type { Engine } from "../containers/index.ts";
import type { DurableEventLog, PublishEvent } from "../events/index.ts";
import type { Logging } from "../logging/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { NativeCalls } from "../platform/os/peer-credentials.ts";
import type { Store } from "../store/index.ts";

/** The parts that every composition takes. */
export interface Ground {
  readonly version: string;
  readonly installId: string;
  readonly config: Config;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logging: Logging;
  readonly native: NativeCalls | undefined;
  readonly store: Store;
  readonly records: AgentRecords;
  readonly engine: Engine;
  readonly log: DurableEventLog;
  readonly publish: PublishEvent;
}
