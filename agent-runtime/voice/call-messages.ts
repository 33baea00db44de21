import type { AgentMessage } from "@armorclaw/protocol/agent-frames";

/** The bridge's messages about a call that concern speech. */
export type CallMessage =
  | { readonly type: "call"; readonly call: number; readonly rate: number }
  | { readonly type: "speech"; readonly call: number; readonly change: "started" | "stopped" }
  | { readonly type: "transcript"; readonly call: number; readonly text: string }
  | { readonly type: "say"; readonly call: number; readonly text: string }
  | { readonly type: "cleared"; readonly call: number }
  | { readonly type: "ended"; readonly call: number };

const known = new Set(["call", "speech", "transcript", "say", "cleared", "ended"]);

/** Undefined for messages of other types, which a later bridge may send. */
export const asCallMessage = (message: AgentMessage): CallMessage | undefined =>
  known.has(message.type) && typeof message["call"] === "number" ? (message as CallMessage) : undefined;
