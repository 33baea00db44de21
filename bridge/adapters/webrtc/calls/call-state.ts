import type { CallState } from "@armorclaw/protocol";

/** The states that may follow each state. */
const next: Readonly<Record<CallState, readonly CallState[]>> = {
  created: ["connecting", "ended"],
  connecting: ["active", "reconnecting", "ended"],
  active: ["held", "reconnecting", "ended"],
  held: ["active", "reconnecting", "ended"],
  reconnecting: ["connecting", "active", "held", "ended"],
  ended: [],
};

export const mayFollow = (from: CallState, to: CallState): boolean => next[from].includes(to);
