// Voice calls: browsers' and Matrix clients' media on one side, agents' samples and words on the other.
export { AgentAudio } from "./calls/agent-audio.ts";
export { CallRecords, type StoredCallRecord, webrtcMigrations } from "./calls/call-records.ts";
export type { CallSession } from "./calls/call-session.ts";
export type { CallsSettings, StartRequest } from "./calls/call-types.ts";
export { Calls } from "./calls/calls.ts";
export type { CallReservations, RoomGate } from "./calls/ports.ts";
export { withCandidates } from "./protocol/candidates.ts";
export type { IceCandidate } from "./protocol/media-protocol.ts";
export { CallPage } from "./signaling/call-page.ts";
export { checkTurn, type TurnFinding } from "./turn/turn-check.ts";
export type { TurnSettings } from "./turn/turn-credentials.ts";
