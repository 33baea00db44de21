import type { FlagSpec } from "./flags.ts";

/** Flags that every command takes. No method has a param of these names. */
export const globalFlags: readonly FlagSpec[] = [
  {
    name: "json",
    key: "json",
    kind: "boolean",
    description: "Print one JSON object, or one per line for streaming commands.",
  },
  { name: "quiet", key: "quiet", kind: "boolean", short: "q", description: "Print no notices." },
  {
    name: "timeout",
    key: "timeout",
    kind: "number",
    placeholder: "SECONDS",
    description: "Stop with exit code 9 after this time.",
  },
  {
    name: "socket",
    key: "socket",
    kind: "string",
    placeholder: "PATH",
    description: "The bridge's socket; the variable ARMORCLAW_SOCKET does the same.",
  },
  { name: "help", key: "help", kind: "boolean", short: "h", description: "Show the help of the command or group." },
];
