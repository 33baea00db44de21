import type { EngineStatus, EventEnvelope } from "@armorclaw/protocol";
import type { Logging } from "../logging/index.ts";

export interface DaemonOptions {
  readonly version: string;
  readonly logging: Logging;
  /** Aborting starts the orderly stop. */
  readonly until: AbortSignal;
  /** Aborting ends the drain at once. */
  readonly hurry: AbortSignal;
  /** What a stop may take beyond its grace, whatever hangs. */
  readonly hardStopMs: number;
  /** Starts the orderly stop from within. */
  readonly stop: () => void;
  /** Called when the socket serves. */
  readonly onServing: (engine: EngineStatus) => void;
  readonly onEvent: (event: EventEnvelope) => void;
  /** Holds answers to the contract: for tests and development. */
  readonly validateResults: boolean;
  /** `$CREDENTIALS_DIRECTORY`, where systemd sets one. */
  readonly credentialsDirectory: string | undefined;
}
