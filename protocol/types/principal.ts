import type { AgentId } from "./ids.ts";
import type { Role } from "./roles.ts";

/** The caller, which the bridge derives from the endpoint and the peer's OS credentials. */
export type Principal =
  | {
      readonly kind: "user";
      readonly id: `user:${number}`;
      readonly uid: number;
      readonly role: Exclude<Role, "agent">;
    }
  | {
      readonly kind: "token" | "matrix";
      readonly id: `token:${string}` | `matrix:${string}`;
      readonly role: Exclude<Role, "agent">;
      /** Only these methods, each by its name or as `domain.*`. The default is all methods of the role. */
      readonly methods?: readonly string[];
      /** Only these channels. The default is all channels. */
      readonly channels?: readonly string[];
      /** Only these agents, and of the agents' channels only theirs. The default is all agents. */
      readonly agents?: readonly AgentId[];
      /** The expiry of the token, in milliseconds since the epoch. Its connections end then. Never when left out. */
      readonly expiresAtMs?: number;
    }
  | { readonly kind: "agent"; readonly id: `agent:${string}`; readonly agentId: AgentId; readonly role: "agent" };
