/** Errors of JSON-RPC itself, of the wire and of the bridge as a whole. */
export const wireErrors = {
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
    remedy: "Run `armorclaw rpc discover` to list the methods",
  },
  INVALID_PARAMS: {
    rpcCode: -32602,
    retryable: false,
    summary: "The params do not match the method's schema",
    remedy: "Correct the fields that `details` names; docs/reference/methods.md has the schema",
  },
  INTERNAL: {
    rpcCode: -32603,
    retryable: false,
    summary: "A bug in the bridge",
    remedy: "Report it with the correlation id; the bridge's log has the cause under the same id",
  },
  UNAUTHENTICATED: {
    rpcCode: -32000,
    retryable: false,
    summary: "The bridge could not identify the caller",
    remedy:
      "On the local socket, connect as the user that runs the bridge or as root; over HTTP or WebSocket, send `Authorization: Bearer TOKEN` (`armorclaw token create` makes one)",
  },
  FORBIDDEN: {
    rpcCode: -32001,
    retryable: false,
    summary: "The caller is not allowed to do this",
    remedy:
      "Call as a principal whose role or grant allows it: `armorclaw whoami` shows yours, docs/reference/methods.md lists the roles",
  },
  RATE_LIMITED: {
    rpcCode: -32002,
    retryable: true,
    summary: "Too many requests",
    remedy: "Try again after `details.retry_after_ms`",
  },
  SHUTTING_DOWN: {
    rpcCode: -32003,
    retryable: true,
    summary: "The bridge is shutting down",
    remedy: "Try again when the bridge is back; `armorclaw status` shows it",
  },
  CANCELLED: {
    rpcCode: -32004,
    retryable: true,
    summary: "The call was cancelled",
    remedy: "Send the call again if you still need the result",
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
    remedy: "Send less in one call, and split large values into chunks",
  },
  TOO_MANY_IN_FLIGHT: {
    rpcCode: -32007,
    retryable: true,
    summary: "Too many calls are in flight on this connection",
    remedy: "Wait for results before you send more",
  },
  DUPLICATE_ID: {
    rpcCode: -32008,
    retryable: false,
    summary: "A call with this id is still in flight on this connection",
    remedy: "Do not use an id again before its call is answered",
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
    remedy: "Subscribe again: a subscription ends with its connection",
  },
  CONFIG_INVALID: {
    rpcCode: -32012,
    retryable: false,
    summary: "The configuration is not valid",
    remedy:
      "Correct the keys that the message names; docs/reference/config.md and `armorclaw config schema` list what is allowed",
  },
  STATE_UNUSABLE: {
    rpcCode: -32013,
    retryable: false,
    summary: "The state directory cannot be used",
    remedy:
      "Read the message; give the bridge's user write access to the directory, or choose another with --state-dir",
  },
  SOCKET_PATH_TOO_LONG: {
    rpcCode: -32014,
    retryable: false,
    summary: "The socket's path is longer than the operating system allows",
    remedy: "Choose a shorter directory with --runtime-dir: on Linux the whole socket path has at most 107 bytes",
  },
  RUNTIME_DIR_UNSAFE: {
    rpcCode: -32015,
    retryable: false,
    summary: "The runtime directory is not safe for a socket",
    remedy:
      "Give the directory to the bridge's own user with mode 0700 (`chmod 0700 DIR`), and do not use a symbolic link",
  },
  ALREADY_RUNNING: {
    rpcCode: -32016,
    retryable: false,
    summary: "Another bridge serves this socket",
    remedy: "Use that bridge (`armorclaw status`), stop it, or give this one its own --runtime-dir and --state-dir",
  },
  TOKEN_EXISTS: {
    rpcCode: -32017,
    retryable: false,
    summary: "An API token with this name already exists",
    remedy: "Choose another name, or revoke the existing token first",
  },
  TOKEN_NOT_FOUND: {
    rpcCode: -32018,
    retryable: false,
    summary: "No such API token",
    remedy: "Run `armorclaw token ls` to list the tokens",
  },
  ISSUER_UNAVAILABLE: {
    rpcCode: -32019,
    retryable: true,
    summary: "The keys for the verification of JWTs could not be loaded",
    remedy:
      "Check that `listen.jwt.jwks` can be read, and try again after `details.retry_after_ms`; the bridge's log names the cause",
  },
  DESCRIPTORS_EXHAUSTED: {
    rpcCode: -32022,
    retryable: true,
    summary: "The bridge has no file descriptor left",
    remedy:
      "Close connections that are no longer used, and raise the limit of open files (`LimitNOFILE=` in the unit, `ulimit -Hn` in a shell): `armorclaw doctor` shows how many are in use",
  },
  ADDRESS_IN_USE: {
    rpcCode: -32020,
    retryable: false,
    summary: "Another program listens at the address of a listener",
    remedy:
      "Choose another address in the configuration (`listen.http.address`, `listen.websocket.address`), or stop the other program",
  },
  SERVER_NOT_TRUSTED: {
    rpcCode: -32021,
    retryable: false,
    summary: "Somebody else could serve the socket",
    remedy:
      "Name your own bridge's socket, in directories that only you and root may write. For another user's bridge name the user: ARMORCLAW_SERVER_UID=UID, or `serverUid` in the SDK",
  },
} as const;
