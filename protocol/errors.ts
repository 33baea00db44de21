import { budgetErrors } from "./errors/budget.ts";
import { matrixErrors } from "./errors/matrix.ts";

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
    remedy: "Report it with the correlation id; the bridge's log names the cause under it",
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
  STORE_FULL: {
    rpcCode: 1701,
    retryable: true,
    summary: "The disk that holds the state directory is full",
    remedy: "Free space on that disk; reads go on, and writes do as soon as there is room",
  },
  STORE_FAILED: {
    rpcCode: 1702,
    retryable: false,
    summary: "The store cannot be read or written",
    remedy: "See the bridge's log and check the disk; restore a backup if the file is damaged",
  },
  STORE_BUSY: {
    rpcCode: 1703,
    retryable: true,
    summary: "More writes wait than the disk keeps up with",
    remedy: "Try again shortly",
  },
  KEYSTORE_LOCKED: {
    rpcCode: 1201,
    retryable: true,
    summary: "The keystore is locked",
    remedy: "Run `armorclaw keystore unlock`",
  },
  KEYSTORE_WRONG_KEY: {
    rpcCode: 1202,
    retryable: false,
    summary: "The key or passphrase does not open this keystore",
    remedy: "Nothing was changed; use the passphrase or the key file that the keystore was made with",
  },
  KEYSTORE_DAMAGED: {
    rpcCode: 1203,
    retryable: false,
    summary: "A sealed record was changed, moved or removed",
    remedy: "Restore a backup (`armorclaw backup restore`) and see `armorclaw audit tail` for who was there",
  },
  KEYSTORE_LIMIT: {
    rpcCode: 1204,
    retryable: false,
    summary: "The keystore holds as many keys as it may",
    remedy: "Delete keys that are no longer used",
  },
  KEY_EXPIRED: {
    rpcCode: 1205,
    retryable: false,
    summary: "The key has expired",
    remedy: "Store the provider's new key with `armorclaw keystore rotate`",
  },
  REVEAL_DISABLED: {
    rpcCode: 1206,
    retryable: false,
    summary: "Keys are not shown by this bridge",
    remedy: "Set `keystore.reveal = true` in the configuration to allow it",
  },
  SECRET_NOT_ASKED_FOR: {
    rpcCode: 1210,
    retryable: false,
    summary: "The loop's manifest does not ask for this secret",
    remedy: "`armorclaw access grants` shows what each loop asks for",
  },
  SECRET_CLAIMED: {
    rpcCode: 1211,
    retryable: false,
    summary: "The secrets of this start were claimed already",
    remedy: "Keep them in memory; they are given once per start of the agent",
  },
  SECRET_TOKEN_INVALID: {
    rpcCode: 1212,
    retryable: false,
    summary: "The token stands for no secret of this agent",
    remedy: "Claim fresh tokens with `secret.claim` and `renew`",
  },
  DESTINATION_REFUSED: {
    rpcCode: 1213,
    retryable: false,
    summary: "The call goes where the grant does not reach",
    remedy: "`armorclaw access grants` shows the hosts, methods and paths",
  },
  HTTP_FAILED: {
    rpcCode: 1214,
    retryable: true,
    summary: "The HTTP call did not complete",
    remedy: "See the message; check that the host is reachable from this machine",
  },
  ROLE_FIXED: {
    rpcCode: 1220,
    retryable: false,
    summary: "This principal's role cannot be changed",
    remedy: "The bridge's own user and root are admins; agents are agents",
  },
  AUDIT_UNAVAILABLE: {
    rpcCode: 1601,
    retryable: true,
    summary: "The act cannot be recorded, so it was refused",
    remedy: "Unlock the keystore, and free space on the disk; reads go on",
  },
  APPROVAL_PENDING: {
    rpcCode: 1611,
    retryable: true,
    summary: "A person has to allow this first",
    remedy: "Wait for `approval.<approval_id>.decided`, then send the same request again",
  },
  APPROVAL_DENIED: {
    rpcCode: 1612,
    retryable: false,
    summary: "A person did not allow this",
    remedy: "Do something else; the answer is in `details`",
  },
  APPROVAL_NOT_FOUND: {
    rpcCode: 1613,
    retryable: false,
    summary: "No such approval",
    remedy: "`armorclaw approvals` lists what waits for an answer",
  },
  APPROVAL_SETTLED: {
    rpcCode: 1614,
    retryable: false,
    summary: "It was answered already, or it expired",
    remedy: "`armorclaw approvals --all` shows how",
  },
  APPROVAL_MISMATCH: {
    rpcCode: 1615,
    retryable: false,
    summary: "The request is not the one that was shown",
    remedy: "Look at it again with `armorclaw approvals` before answering",
  },
  APPROVAL_LIMIT: {
    rpcCode: 1616,
    retryable: true,
    summary: "Too many questions of this agent wait for an answer",
    remedy: "Answer them with `armorclaw approvals`, or wait until they expire",
  },
  CONFIG_NOT_FOUND: {
    rpcCode: 1621,
    retryable: false,
    summary: "No such configuration is attached",
    remedy: "`armorclaw config list` lists them",
  },
  CONFIG_TOO_LARGE: {
    rpcCode: 1622,
    retryable: false,
    summary: "A configuration is 1 MiB at most, and its base64 must be valid",
    remedy: "Send less, or check the encoding",
  },
  CONFIG_CHANGED: {
    rpcCode: 1623,
    retryable: false,
    summary: "The configuration changed after this was proposed",
    remedy: "Let the agent propose it anew against the present version",
  },
  BACKUP_FAILED: {
    rpcCode: 1711,
    retryable: false,
    summary: "The backup could not be written or read",
    remedy: "See the message; the file must not exist yet, in a directory that the bridge may write",
  },
  DEAD_LETTER_NOT_FOUND: {
    rpcCode: 1801,
    retryable: false,
    summary: "No such dead letter",
    remedy: "`armorclaw event dead-letters` lists them",
  },
  TASK_NOT_FOUND: {
    rpcCode: 1802,
    retryable: false,
    summary: "No such task",
    remedy: "`armorclaw task list` lists the tasks",
  },
  TASK_STATE_CONFLICT: {
    rpcCode: 1803,
    retryable: false,
    summary: "The task's state does not allow this",
    remedy: "`armorclaw task list` shows its state and who has it",
  },
  QUEUE_MESSAGE_NOT_FOUND: {
    rpcCode: 1804,
    retryable: false,
    summary: "No such message in the outbox",
    remedy: "`armorclaw queue ls` lists the messages",
  },
  OUTBOX_FULL: {
    rpcCode: 1805,
    retryable: true,
    summary: "Too many messages wait for this destination",
    remedy: "`armorclaw queue ls` shows what holds them up; drop what is not wanted any more",
  },
  ...budgetErrors,
  ...matrixErrors,
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
