// The pinned names of calls.

export const callMethodRoles: Record<string, string> = {
  "webrtc.start": "admin operator",
  "webrtc.answer": "admin operator",
  "webrtc.ice_candidate": "admin operator",
  "webrtc.end": "admin operator",
  "webrtc.mute": "admin operator",
  "webrtc.hold": "admin operator",
  "webrtc.list": "admin operator viewer",
  "webrtc.get_audit_log": "admin operator",
};

export const callErrorNumbers: Record<string, number> = {
  CALL_NOT_FOUND: 1501,
  CALL_TOKEN_REFUSED: 1502,
  CALL_LIMIT_REACHED: 1503,
  CALL_OFFER_REFUSED: 1504,
  CALL_STATE_CONFLICT: 1505,
  CALL_MEDIA_FAILED: 1506,
  CALLS_DISABLED: 1507,
};

export const callEventTypes: Record<string, readonly [channel: string, priority: string]> = {
  "webrtc.state_changed": ["webrtc.<session_id>.state_changed", "normal"],
  "webrtc.ended": ["webrtc.<session_id>.ended", "normal"],
  "webrtc.transcript": ["webrtc.<session_id>.transcript", "low"],
};
