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
    remedy: "Run `armorclaw ps --all` to list the agents",
  },
  KEY_NOT_FOUND: {
    rpcCode: -3,
    retryable: false,
    summary: "No such key",
    remedy: "Run `armorclaw keystore list` to see the stored keys, then store the missing one",
  },
  LOOP_NOT_FOUND: {
    rpcCode: 1101,
    retryable: false,
    summary: "No such loop",
    remedy: "Run `armorclaw loops` to list the loops",
  },
  AGENT_START_FAILED: {
    rpcCode: 1102,
    retryable: true,
    summary: "The agent did not start",
    remedy: "Read `armorclaw logs AGENT` and the bridge's log",
  },
  AGENT_LIMIT_REACHED: {
    rpcCode: 1103,
    retryable: false,
    summary: "The maximum number of agents is running",
    remedy: "Stop an agent, or raise `agents.max` in the configuration",
  },
  AGENT_STATE_CONFLICT: {
    rpcCode: 1104,
    retryable: true,
    summary: "The agent's state does not allow this",
    remedy: "Run `armorclaw ps --all` to see its state, and try again when it has changed",
  },
  BRIDGE_PANICKED: {
    rpcCode: 1105,
    retryable: false,
    summary: "The bridge is in panic mode and starts nothing",
    remedy: "Run `armorclaw doctor` to see the reason, and `armorclaw bridge resume` to end the panic",
  },
  AGENT_OVERLOADED: {
    rpcCode: 1106,
    retryable: true,
    summary: "The agent has as many unread messages as it may have",
    remedy:
      "Wait until it has read some. When `details.has_reader` is false its loop reads no messages: give it work with `task.create`, or send to another agent",
  },
  ENGINE_UNAVAILABLE: {
    rpcCode: 1110,
    retryable: true,
    summary: "No engine can run the agent's container",
    remedy:
      "Install bubblewrap (`apt-get install bubblewrap`) or start Docker, as `engine` in the configuration says, then try again",
  },
  ISOLATION_REFUSED: {
    rpcCode: 1111,
    retryable: false,
    summary: "The agent may not run without a sandbox",
    remedy:
      "Install bubblewrap or Docker, or set `allow_unsandboxed = true` in the configuration to run agents without isolation",
  },
  ATTESTATION_FAILED: {
    rpcCode: 1112,
    retryable: false,
    summary: "The kernel does not confirm the agent's isolation",
    remedy: "Read `details.missing`, and run `armorclaw doctor` to see what this machine lacks",
  },
  IMAGE_BUILD_FAILED: {
    rpcCode: 1113,
    retryable: false,
    summary: "The agent image could not be built",
    remedy:
      "Read the message: free space if the disk is full, and run `npm run build` if a file of the agent image is missing",
  },
  RUNTIME_UNKNOWN: {
    rpcCode: 1114,
    retryable: false,
    summary: "Docker does not have the runtime that `docker.runtime` names",
    remedy: "Register it under `runtimes` in Docker's daemon.json and restart Docker, or change `docker.runtime`",
  },
} as const;
