// Voice calls: browsers' and Matrix clients' media on one side, agents' samples and words on the other.
export { AgentAudio } from "./agent-audio.ts";
export { CallRecords, type StoredCallRecord, webrtcMigrations } from "./call-records.ts";
export type { CallSession } from "./call-session.ts";
export { CallSite } from "./call-site.ts";
export type { CallsSettings, StartRequest } from "./call-types.ts";
export { Calls } from "./calls.ts";
export { withCandidates } from "./own-candidates.ts";
export type { CallBudget, RoomGate } from "./ports.ts";
export type { IceCandidate } from "./transport.ts";
export { checkTurn, type TurnFinding } from "./turn-check.ts";
export type { TurnSettings } from "./turn-credentials.ts";
