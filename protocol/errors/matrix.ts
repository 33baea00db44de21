/** The catalogue's rows of the link to the homeserver (1400–1499). */
export const matrixErrors = {
  MATRIX_LOGGED_OUT: {
    rpcCode: 1401,
    retryable: false,
    summary: "The bridge is not logged in to a homeserver",
    remedy: "`armorclaw matrix login` logs in",
  },
  MATRIX_NOT_READY: {
    rpcCode: 1402,
    retryable: true,
    summary: "The homeserver's rooms are not synced yet",
    remedy: "Try again shortly; `armorclaw matrix status` tells the state of the link",
  },
  MATRIX_UNREACHABLE: {
    rpcCode: 1403,
    retryable: true,
    summary: "The homeserver does not answer",
    remedy: "Check its address and the network; what waits in the queue is sent when it is back",
  },
  MATRIX_RATE_LIMITED: {
    rpcCode: 1404,
    retryable: true,
    summary: "The homeserver asks to be sent less",
    remedy: "Wait for `details.retry_after_ms`; the queue does so by itself",
  },
  MATRIX_REFUSED: {
    rpcCode: 1405,
    retryable: false,
    summary: "The homeserver refused the request",
    remedy: "See the message for its reason; check that the bridge's account is in the room and may write there",
  },
  MATRIX_ROOM_NOT_TRUSTED: {
    rpcCode: 1406,
    retryable: false,
    summary: "The room is not one that the configuration names",
    remedy: "Add the room's id to `matrix.rooms` in the configuration; an empty list trusts none",
  },
  MATRIX_LOGIN_FAILED: {
    rpcCode: 1407,
    retryable: false,
    summary: "The homeserver does not accept the login",
    remedy: "Check the user's name, the password or token, and that the homeserver's address begins with https://",
  },
  MATRIX_ALREADY_LOGGED_IN: {
    rpcCode: 1408,
    retryable: false,
    summary: "The bridge is logged in already",
    remedy: "`armorclaw matrix logout` first: a new login is a new device with new keys",
  },
  MATRIX_NO_RECOVERY_KEY: {
    rpcCode: 1409,
    retryable: false,
    summary: "No recovery key is known here that opens the account",
    remedy: "The account's other devices show it; `armorclaw matrix login --recovery-key @-` takes it",
  },
} as const;
