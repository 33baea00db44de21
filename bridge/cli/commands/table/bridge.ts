import { configFlags } from "../../core/config-flags.ts";
import type { Command } from "./command.ts";

/** The commands for the bridge as a whole. */
export const bridgeCommands: readonly Command[] = [
  {
    name: "run",
    group: "Bridge",
    summary: "Start the bridge in the foreground",
    flags: configFlags,
  },
  {
    name: "status",
    group: "Bridge",
    summary: "What it is, where it listens, how agents are isolated",
    method: "bridge.status",
  },
  { name: "health", group: "Bridge", summary: "Whether all is well; ends with 12 when not", method: "bridge.health" },
  {
    name: "doctor",
    group: "Bridge",
    summary: "What is wrong and what mends it, also when the bridge is down; ends with 1 when something is",
    flags: configFlags.filter(({ name }) => /^(?:config|set|.*-dir)$/.test(name)),
  },
  {
    name: "panic",
    group: "Bridge",
    summary: "Freeze and kill every agent; nothing starts until `bridge resume`",
    method: "bridge.panic",
  },
];
