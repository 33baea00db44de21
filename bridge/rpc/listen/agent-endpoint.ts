import type { AgentId } from "@armorclaw/protocol";

/** The socket of one agent. Every peer that connects to it is that agent. */
export interface AgentEndpoint {
  /** The host directory to mount; it holds `agent.sock` and nothing else. */
  readonly directory: string;
  readonly socketPath: string;
  /** Ends its connections and removes socket and directory. Idempotent. */
  close(): Promise<void>;
}

/** Decides about the peers of an endpoint and receives its reports. */
export interface EndpointGuard {
  /**
   * Whether this process of the host is in the agent's attested container, and it may speak. Settles when that is known, at the
   * latest with the start's end.
   * @param pid undefined where the host does not tell who connected
   */
  admits(pid: number | undefined): Promise<boolean>;
  /** Reports the end of a connection, which may be the end of the agent. */
  disconnected(): void;
}

/** Opens agents' sockets. Declared here, implemented where the listeners are. */
export interface AgentEndpoints {
  /**
   * @param ownerUid the uid that the agent runs as; the socket is 0600 and belongs to it
   * @throws BridgeError SOCKET_PATH_TOO_LONG
   */
  open(agentId: AgentId, epoch: number, ownerUid: number, guard: EndpointGuard): Promise<AgentEndpoint>;
}
