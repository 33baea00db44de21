/** The catalogue's rows of the link to the homeserver (1400–1499). */
export const matrixErrors = {
  MATRIX_LOGGED_OUT: {
    rpcCode: 1401,
    retryable: false,
    summary: "The bridge is not logged in to a homeserver",
    remedy: "Run `armorclaw matrix login`",
  },
  MATRIX_NOT_READY: {
    rpcCode: 1402,
    retryable: true,
    summary: "The homeserver's rooms are not synced yet",
    remedy: "Try again in a few seconds; `armorclaw matrix status` shows the state of the connection",
  },
  MATRIX_UNREACHABLE: {
    rpcCode: 1403,
    retryable: true,
    summary: "The homeserver does not answer",
    remedy: "Check the homeserver's address and the network; the queue sends its messages when it is back",
  },
  MATRIX_RATE_LIMITED: {
    rpcCode: 1404,
    retryable: true,
    summary: "The homeserver limits the rate of requests",
    remedy: "Try again after `details.retry_after_ms`; queued messages are sent by themselves",
  },
  MATRIX_REFUSED: {
    rpcCode: 1405,
    retryable: false,
    summary: "The homeserver refused the request",
    remedy: "Read the message for the reason, and check that the bridge's account is in the room and may write there",
  },
  MATRIX_ROOM_NOT_TRUSTED: {
    rpcCode: 1406,
    retryable: false,
    summary: "The configuration does not name this room",
    remedy: "Add the room's id to `matrix.rooms` in the configuration; with an empty list the bridge accepts no room",
  },
  MATRIX_LOGIN_FAILED: {
    rpcCode: 1407,
    retryable: false,
    summary: "The homeserver refused the login",
    remedy: "Check the user's name, the password or token, and that the homeserver's address begins with https://",
  },
  MATRIX_ALREADY_LOGGED_IN: {
    rpcCode: 1408,
    retryable: false,
    summary: "The bridge is logged in already",
    remedy: "Run `armorclaw matrix logout` first; a new login is a new device with new keys",
  },
  MATRIX_NO_RECOVERY_KEY: {
    rpcCode: 1409,
    retryable: false,
    summary: "The bridge has no recovery key for this account",
    remedy:
      "Take the key from another device of the account, and pass it to `armorclaw matrix login --recovery-key @-`",
  },
} as const;
