/** The catalogue's rows of agents, loops and engines (1100–1199), and the three codes that classic clients know. */
export const agentsErrors = {
  AGENT_ALREADY_RUNNING: {
    rpcCode: -1,
    retryable: false,
    summary: "An agent with this name is already running",
    remedy: "Choose another name, or stop that agent first",
  },
  AGENT_NOT_FOUND: {
    rpcCode: -2,
    retryable: false,
    summary: "No such agent",
    remedy: "`armorclaw ps --all` lists the agents",
  },
  KEY_NOT_FOUND: {
    rpcCode: -3,
    retryable: false,
    summary: "No such key",
    remedy: "List the keys that are stored, and store the one that is missing",
  },
  LOOP_NOT_FOUND: {
    rpcCode: 1101,
    retryable: false,
    summary: "No such loop",
    remedy: "`armorclaw loops` lists the loops that this bridge knows",
  },
  AGENT_START_FAILED: {
    rpcCode: 1102,
    retryable: true,
    summary: "The agent did not start",
    remedy: "See `armorclaw logs` of that agent and the bridge's log",
  },
  AGENT_LIMIT_REACHED: {
    rpcCode: 1103,
    retryable: false,
    summary: "The limit of agents is reached",
    remedy: "Stop an agent, or raise `agents.max` in the configuration",
  },
  AGENT_STATE_CONFLICT: {
    rpcCode: 1104,
    retryable: true,
    summary: "The agent's state does not allow this",
    remedy: "`armorclaw ps --all` shows its state; try again when it has settled",
  },
  BRIDGE_PANICKED: {
    rpcCode: 1105,
    retryable: false,
    summary: "The bridge was panicked: nothing is started",
    remedy: "`armorclaw status` says why; `armorclaw bridge resume` ends it",
  },
  ENGINE_UNAVAILABLE: {
    rpcCode: 1110,
    retryable: true,
    summary: "No engine can run the agent's container",
    remedy: "Install bubblewrap (`apt-get install bubblewrap`) or start Docker, then try again",
  },
  ISOLATION_REFUSED: {
    rpcCode: 1111,
    retryable: false,
    summary: "The agent may not run without a sandbox",
    remedy:
      "Install bubblewrap or Docker, or set `allow_unsandboxed = true` in the configuration and accept what is missing",
  },
  ATTESTATION_FAILED: {
    rpcCode: 1112,
    retryable: false,
    summary: "The kernel does not confirm the isolation that was asked for",
    remedy: "See `details.missing`; `armorclaw status` shows what each engine can do on this machine",
  },
  IMAGE_BUILD_FAILED: {
    rpcCode: 1113,
    retryable: false,
    summary: "The agent image could not be built",
    remedy: "Run `npm run build`, and see the bridge's log for the file that was missing",
  },
  RUNTIME_UNKNOWN: {
    rpcCode: 1114,
    retryable: false,
    summary: "Docker does not know the runtime that `docker.runtime` names",
    remedy: "Register it under `runtimes` in Docker's daemon.json and restart Docker, or change `docker.runtime`",
  },
} as const;
