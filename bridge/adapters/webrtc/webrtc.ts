// Voice calls: browsers' and Matrix clients' media on one side, agents' samples and words on the other.
export { AgentAudio } from "./agent-audio.ts";
export { CallRecords, type StoredCallRecord, webrtcMigrations } from "./call-records.ts";
export type { CallSession } from "./call-session.ts";
export { CallSite } from "./call-site.ts";
export type { Transcript } from "./call-switchboard.ts";
export type { CallsDeps, CallsSettings, StartRequest } from "./call-types.ts";
export { Calls, type StartedCall } from "./calls.ts";
export type { MediaStats } from "./media-protocol.ts";
export { withCandidates } from "./own-candidates.ts";
export type { CallAttribution, CallBudget, CallReservation, RoomGate } from "./ports.ts";
export { type SampleRate, sampleRates } from "./sample-rate.ts";
export { iceServers, snakeCase } from "./signaling.ts";
export type { IceCandidate } from "./transport.ts";
export { checkTurn, type TurnFinding } from "./turn-check.ts";
export type { TurnCredentials, TurnSettings } from "./turn-credentials.ts";
