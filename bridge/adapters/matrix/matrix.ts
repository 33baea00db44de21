// The bridge's account on a Matrix homeserver, and what passes through its rooms.
import { linkMigrations } from "./link-news.ts";
import { roomMigrations } from "./room-records.ts";
import { secretMigrations } from "./sealed-secrets.ts";

export { MatrixAdapter } from "./adapter.ts";
export type { RoomCallEvent } from "./call-events.ts";
export { matrixDestination, roomMessage } from "./destination.ts";
export { type Inbound, type InboundReaction, type MatrixTrust, roomSegment } from "./inbound.ts";
export { questionKey, type RoomPost, RoomPosts } from "./posts.ts";
export { approvalPrompt, decisionNotice, reactionAnswer, reactionHint } from "./room-approvals.ts";
export { type RoomAgents, RoomCalls } from "./room-calls.ts";
export { failureText, type MethodCalls, RoomCommands, type RoomMember } from "./room-commands.ts";
export { sealedSecrets } from "./sealed-secrets.ts";
export type { Credentials, SecretStore } from "./session.ts";
export type { Outgoing, Verification } from "./worker-protocol.ts";

export const matrixMigrations = [...roomMigrations, ...linkMigrations, ...secretMigrations];
