/** The catalogue's rows of voice calls (1500–1599). */
export const webrtcErrors = {
  CALL_NOT_FOUND: {
    rpcCode: 1501,
    retryable: false,
    summary: "No such call session",
    remedy: "Run `armorclaw webrtc list` to list the sessions; one that has ended cannot continue, so start a new one",
  },
  CALL_TOKEN_REFUSED: {
    rpcCode: 1502,
    retryable: false,
    summary: "The call token is not valid",
    remedy: "Get a new token from `webrtc.start`: a token is valid once, for one session and a short time",
  },
  CALL_LIMIT_REACHED: {
    rpcCode: 1503,
    retryable: true,
    summary: "A limit on calls is reached",
    remedy: "End a call, wait, or raise the limit that `details.limit` names in the configuration",
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
    remedy: "Run `armorclaw webrtc list` to see its state",
  },
  CALL_MEDIA_FAILED: {
    rpcCode: 1506,
    retryable: true,
    summary: "The media of the call failed",
    remedy: "Read the bridge's log, and try the call again",
  },
  CALLS_DISABLED: {
    rpcCode: 1507,
    retryable: false,
    summary: "Voice calls are switched off",
    remedy: "Set `webrtc.enabled = true` in the configuration",
  },
} as const;
