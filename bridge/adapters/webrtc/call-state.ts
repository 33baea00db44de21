/** The life of a call session. */
export const callStates = ["created", "connecting", "active", "held", "reconnecting", "ended"] as const;
export type CallState = (typeof callStates)[number];

export const endReasons = [
  "hang_up",
  "token_expired",
  "ice_failed",
  "setup_timeout",
  "media_timeout",
  "max_duration",
  "idle",
  "agent_gone",
  "left_room",
  "budget",
  "shutdown",
  "error",
] as const;
export type EndReason = (typeof endReasons)[number];

/** What may follow what. */
const next: Readonly<Record<CallState, readonly CallState[]>> = {
  created: ["connecting", "ended"],
  connecting: ["active", "reconnecting", "ended"],
  active: ["held", "reconnecting", "ended"],
  held: ["active", "reconnecting", "ended"],
  reconnecting: ["connecting", "active", "held", "ended"],
  ended: [],
};

export const mayFollow = (from: CallState, to: CallState): boolean => next[from].includes(to);
