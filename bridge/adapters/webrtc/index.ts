// Voice calls: browsers' and Matrix clients' media on one side, agents' samples and words on the other.

export { answerOffer, openCall } from "./bindings/call-answers.ts";
export { callAuthorization } from "./bindings/call-authorization.ts";
export { callEvents } from "./bindings/call-events.ts";
export { endCallsWithTheirPeers } from "./bindings/call-hangup.ts";
export { callReservations } from "./bindings/call-reservations.ts";
export { callPageUrl, callSettings } from "./bindings/call-settings.ts";
export { mediaSocket } from "./bindings/media-socket.ts";
export { RoomMedia } from "./bindings/room-media.ts";
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
