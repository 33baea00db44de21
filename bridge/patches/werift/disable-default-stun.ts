import type { RTCPeerConnection } from "werift";

/**
 * Keeps werift from asking a STUN server that nobody configured. With an empty list of servers werift asks Google's, which reveals
 * every call and delays it by a timeout where the server cannot be reached.
 * To be called after the remote description is set and before the local one is.
 */
export function disableDefaultStun(connection: RTCPeerConnection): void {
  for (const transport of connection.iceTransports) {
    const ice = transport.connection as { stunServer?: unknown };
    ice.stunServer = undefined;
  }
}
