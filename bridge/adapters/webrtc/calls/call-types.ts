import type { CallState } from "@armorclaw/protocol";
import type { Logger } from "../../../logging/index.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { MediaEvent, MediaSettings } from "../protocol/media-protocol.ts";
import type { TurnSettings } from "../turn/turn-credentials.ts";
import type { AgentAudio } from "./agent-audio.ts";
import type { Transcript } from "./audio-router.ts";
import type { CallLimits } from "./call-limits.ts";
import type { CallRecords } from "./call-records.ts";
import type { CallPlan, CallSession, CallSettings } from "./call-session.ts";
import type { CallReservations, RoomGate } from "./ports.ts";

export interface CallsSettings extends Omit<CallSettings, "joinMs"> {
  readonly media: MediaSettings;
  readonly limits: CallLimits;
  readonly turn: TurnSettings;
  readonly tokenTtlMs: number;
  readonly maxDurationMs: number;
  readonly recordingsDirectory: string;
}

/** Gets what happens in a call. */
export interface CallWatcher {
  media?(event: MediaEvent): void;
  state?(session: CallSession): void;
  transcript?(transcript: Transcript): void;
  recording?(): void;
}

export interface CallsDeps {
  readonly clock: Clock;
  readonly records: CallRecords;
  readonly rooms: RoomGate;
  readonly reservations: CallReservations;
  readonly audio: AgentAudio;
  /** Whether an agent of this id lives. Without it every named agent is taken to live. */
  readonly lives?: ((agentId: string) => boolean) | undefined;
  readonly logger: Logger;
  readonly onState: (session: CallSession, from: CallState) => void;
  readonly onTranscript: (session: CallSession, transcript: Transcript) => void;
}

export type StartRequest = Omit<CallPlan, "sessionId" | "principal" | "maxDurationMs"> & {
  readonly maxDurationMs: number | undefined;
  readonly tokenTtlMs: number | undefined;
};
