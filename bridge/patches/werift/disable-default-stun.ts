import type { RTCPeerConnection } from "werift";

/**
 * Keeps the library from asking a STUN server that no one configured: with an empty list of servers it asks Google's, which tells
 * them about every call and delays the call by its timeout where there is no way out.
 * To be called when the remote description is set, before the local one is.
 */
export function disableDefaultStun(connection: RTCPeerConnection): void {
  for (const transport of connection.iceTransports) {
    const ice = transport.connection as { stunServer?: unknown };
    ice.stunServer = undefined;
  }
}
