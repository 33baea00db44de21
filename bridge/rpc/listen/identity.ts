import type { Socket } from "node:net";
import type { AgentId, Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { NativeCalls } from "../../platform/os/peer-credentials.ts";

/** Tells who has connected. Throws UNAUTHENTICATED for those who may not. */
export type Identify = (socket: Socket) => Principal;

const rootUid = 0;

/**
 * The bridge's own socket admits the bridge's own user and root. Without peer credentials, the socket's mode alone keeps
 * everyone else out, and whoever connects counts as the bridge's own user.
 */
export function identifyUser(native: NativeCalls | undefined, ownUid: number): Identify {
  return (socket) => {
    return ownUser(native === undefined ? ownUid : requireUid(native, socket, [ownUid, rootUid]));
  };
}

/** Whom the bridge's own socket admits. Windows has no uids: there it is `user:0`. */
export const ownUser = (uid: number): Principal => ({ kind: "user", id: `user:${uid}`, uid, role: "admin" });

/** An agent's own socket admits that agent: the uid that it runs as. */
export function identifyAgent(native: NativeCalls | undefined, agentId: AgentId, ownerUid: number): Identify {
  const principal: Principal = { kind: "agent", id: `agent:${agentId}`, agentId, role: "agent" };
  return (socket) => {
    if (native !== undefined) requireUid(native, socket, [ownerUid]);
    return principal;
  };
}

function requireUid(native: NativeCalls, socket: Socket, allowed: readonly number[]): number {
  const uid = native.peerCredentials(socket)?.uid;
  if (uid === undefined) throw new BridgeError("UNAUTHENTICATED");
  if (!allowed.includes(uid)) throw new BridgeError("UNAUTHENTICATED", `The uid ${uid} may not use this socket`);
  return uid;
}
