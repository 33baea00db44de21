import type { FlagSpec } from "./flags.ts";

/** Flags that every command takes. No method has a param of these names. */
export const globalFlags: readonly FlagSpec[] = [
  {
    name: "json",
    key: "json",
    kind: "boolean",
    description: "Print one JSON object; one per line where there are several.",
  },
  { name: "quiet", key: "quiet", kind: "boolean", short: "q", description: "Print no notices." },
  {
    name: "timeout",
    key: "timeout",
    kind: "number",
    placeholder: "SECONDS",
    description: "Give up after this long.",
  },
  {
    name: "socket",
    key: "socket",
    kind: "string",
    placeholder: "PATH",
    description: "The bridge's socket. ARMORCLAW_SOCKET does the same.",
  },
  { name: "help", key: "help", kind: "boolean", short: "h", description: "Explain the command." },
];
