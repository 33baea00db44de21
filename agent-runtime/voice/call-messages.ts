import type { AgentMessage } from "@armorclaw/protocol/agent-frames";

/** What the bridge tells of a call that concerns speech. */
export type CallMessage =
  | { readonly type: "call"; readonly call: number; readonly rate: number }
  | { readonly type: "speech"; readonly call: number; readonly change: "started" | "stopped" }
  | { readonly type: "heard"; readonly call: number; readonly text: string }
  | { readonly type: "say"; readonly call: number; readonly text: string }
  | { readonly type: "cleared"; readonly call: number }
  | { readonly type: "ended"; readonly call: number };

const known = new Set(["call", "speech", "heard", "say", "cleared", "ended"]);

/** Undefined for what a later bridge may say, and this loop knows nothing of. */
export const asCallMessage = (message: AgentMessage): CallMessage | undefined =>
  known.has(message.type) && typeof message["call"] === "number" ? (message as CallMessage) : undefined;
