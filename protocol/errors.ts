/** One row of the catalogue: a condition that can happen in normal operation and that a caller can act on. */
export interface ErrorSpec {
  /** The JSON-RPC error code. One-to-one with the string code and never reused. */
  readonly rpcCode: number;
  /** Whether the same request may succeed later without any change. */
  readonly retryable: boolean;
  /** Sentence case, no final period. The default message. */
  readonly summary: string;
  /** What a person does next. */
  readonly remedy: string;
}

/**
 * Every error that the bridge puts on the wire. JSON-RPC's own codes are -32700 and -32600…-32603; conditions of the
 * bridge as a whole use -32000…-32099; a domain's conditions are positive, a block per domain. -1, -2 and -3 are
 * those that classic clients know.
 */
export const errorCatalogue = {
  PARSE_ERROR: {
    rpcCode: -32700,
    retryable: false,
    summary: "The line is not valid JSON",
    remedy: "Send one JSON value per line, in UTF-8, ended by a newline; `jq -c` makes a value compact",
  },
  INVALID_REQUEST: {
    rpcCode: -32600,
    retryable: false,
    summary: "The value is not a JSON-RPC 2.0 request",
    remedy: 'Send {"jsonrpc":"2.0","id":1,"method":"…","params":{…}}',
  },
  METHOD_NOT_FOUND: {
    rpcCode: -32601,
    retryable: false,
    summary: "No such method",
    remedy: "`armorclaw rpc discover` lists the methods",
  },
  INVALID_PARAMS: {
    rpcCode: -32602,
    retryable: false,
    summary: "The params do not match the method's schema",
    remedy: "See `details` for each wrong field and docs/reference/methods.md for the schema",
  },
  INTERNAL: {
    rpcCode: -32603,
    retryable: false,
    summary: "A bug in the bridge",
    remedy: "Report it with the correlation id; the bridge's log has the stack under that id",
  },
  UNAUTHENTICATED: {
    rpcCode: -32000,
    retryable: false,
    summary: "The bridge could not tell who is calling",
    remedy: "Connect as the user that runs the bridge, or as root",
  },
  FORBIDDEN: {
    rpcCode: -32001,
    retryable: false,
    summary: "The caller may not do this",
    remedy: "Call as a principal whose role or grant allows it; docs/reference/methods.md lists the roles",
  },
  RATE_LIMITED: {
    rpcCode: -32002,
    retryable: true,
    summary: "Too many requests",
    remedy: "Wait for `details.retry_after_ms` and try again",
  },
  SHUTTING_DOWN: {
    rpcCode: -32003,
    retryable: true,
    summary: "The bridge is shutting down",
    remedy: "Try again when it is back; `armorclaw status` tells",
  },
  CANCELLED: {
    rpcCode: -32004,
    retryable: true,
    summary: "The call was cancelled",
    remedy: "Send it again if its answer is still wanted",
  },
  TIMED_OUT: {
    rpcCode: -32005,
    retryable: true,
    summary: "The call took longer than its deadline",
    remedy: "Try again, with a longer deadline where the method takes one",
  },
  FRAME_TOO_LARGE: {
    rpcCode: -32006,
    retryable: false,
    summary: "The line is longer than the limit",
    remedy: "Send less per call; large values travel in chunks",
  },
  TOO_MANY_IN_FLIGHT: {
    rpcCode: -32007,
    retryable: true,
    summary: "Too many calls are in flight on this connection",
    remedy: "Wait for answers before sending more",
  },
  DUPLICATE_ID: {
    rpcCode: -32008,
    retryable: false,
    summary: "A call with this id is still in flight on this connection",
    remedy: "Use an id once until it is answered",
  },
  TOO_MANY_CONNECTIONS: {
    rpcCode: -32009,
    retryable: true,
    summary: "Too many connections",
    remedy: "Close connections that are no longer used",
  },
  TOO_MANY_SUBSCRIPTIONS: {
    rpcCode: -32010,
    retryable: false,
    summary: "Too many subscriptions on this connection",
    remedy: "Unsubscribe from what is no longer needed, or subscribe once with several patterns",
  },
  SUBSCRIPTION_NOT_FOUND: {
    rpcCode: -32011,
    retryable: false,
    summary: "No such subscription on this connection",
    remedy: "Subscriptions end with their connection; subscribe again",
  },
  CONFIG_INVALID: {
    rpcCode: -32012,
    retryable: false,
    summary: "The configuration is not valid",
    remedy: "`armorclaw config validate` names each wrong key; `armorclaw config schema` prints what is allowed",
  },
  STATE_UNUSABLE: {
    rpcCode: -32013,
    retryable: false,
    summary: "The state directory cannot be used",
    remedy: "Make it writable for the bridge's user, or name another one with --state-dir",
  },
  SOCKET_PATH_TOO_LONG: {
    rpcCode: -32014,
    retryable: false,
    summary: "The socket's path is longer than the operating system allows",
    remedy: "Name a shorter directory with --runtime-dir (107 bytes at most for the whole socket path on Linux)",
  },
  RUNTIME_DIR_UNSAFE: {
    rpcCode: -32015,
    retryable: false,
    summary: "The runtime directory is not safe to put a socket in",
    remedy: "It must be a directory of the bridge's own user with mode 0700, and not a symbolic link",
  },
  ALREADY_RUNNING: {
    rpcCode: -32016,
    retryable: false,
    summary: "Another bridge serves this socket",
    remedy: "Use that one (`armorclaw status`), stop it, or give this one its own --runtime-dir",
  },
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
    remedy: "Install bubblewrap or Docker, or set `allow_unsandboxed = true` in [engine] and accept what is missing",
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
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof errorCatalogue;

/** The `error` member of a JSON-RPC response of the bridge. Clients switch on `data.code`. */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data: {
    readonly code: ErrorCode;
    readonly retryable: boolean;
    readonly remedy: string;
    readonly correlation_id?: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

/** An operating condition from the catalogue. Everything else that is thrown is a bug and is answered as INTERNAL. */
export class BridgeError extends Error {
  override readonly name = "BridgeError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  /**
   * @param code the condition
   * @param message names the thing and the limit; the catalogue's summary when left out
   * @param details machine-readable facts, in snake_case as they go on the wire
   */
  constructor(code: ErrorCode, message?: string, details?: Readonly<Record<string, unknown>>, options?: ErrorOptions) {
    super(message ?? errorCatalogue[code].summary, options);
    this.code = code;
    this.details = details;
  }

  get remedy(): string {
    return errorCatalogue[this.code].remedy;
  }

  toWire(correlationId?: string): WireError {
    const { rpcCode, retryable, remedy } = errorCatalogue[this.code];
    return {
      code: rpcCode,
      message: this.message,
      data: {
        code: this.code,
        retryable,
        remedy,
        ...(correlationId === undefined ? {} : { correlation_id: correlationId }),
        ...(this.details === undefined ? {} : { details: this.details }),
      },
    };
  }
}
