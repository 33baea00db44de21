/** The catalogue's rows of voice calls (1500–1599). */
export const webrtcErrors = {
  CALL_NOT_FOUND: {
    rpcCode: 1501,
    retryable: false,
    summary: "No such call session",
    remedy: "`armorclaw webrtc list` lists them; a session that has ended is not started again, start a new one",
  },
  CALL_TOKEN_REFUSED: {
    rpcCode: 1502,
    retryable: false,
    summary: "The call token is not valid",
    remedy: "A token serves one session, once, for a short time: get a new one from `webrtc.start`",
  },
  CALL_LIMIT_REACHED: {
    rpcCode: 1503,
    retryable: true,
    summary: "A limit of calls is reached",
    remedy: "`details.limit` names it: end a call, wait, or raise it in the configuration",
  },
  CALL_OFFER_REFUSED: {
    rpcCode: 1504,
    retryable: false,
    summary: "The session description cannot be used",
    remedy: "Offer one audio section with Opus, ICE and DTLS, as a browser's RTCPeerConnection does",
  },
  CALL_STATE_CONFLICT: {
    rpcCode: 1505,
    retryable: false,
    summary: "The call session's state does not allow this",
    remedy: "`armorclaw webrtc list` shows its state",
  },
  CALL_MEDIA_FAILED: {
    rpcCode: 1506,
    retryable: true,
    summary: "The call's media does not work",
    remedy: "See the bridge's log, and try the call again",
  },
  CALLS_DISABLED: {
    rpcCode: 1507,
    retryable: false,
    summary: "Voice calls are switched off",
    remedy: "Set `webrtc.enabled = true` in the configuration",
  },
} as const;
