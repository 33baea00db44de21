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
    summary: "Show the version, the socket, and how agents are isolated",
    method: "bridge.status",
  },
  {
    name: "health",
    group: "Bridge",
    summary: "Check the bridge and its agents; exit code 12 if a check fails",
    method: "bridge.health",
  },
  {
    name: "doctor",
    group: "Bridge",
    summary: "Find problems and suggest fixes, even when the bridge is down; exit code 1 if there are any",
    flags: configFlags.filter(({ name }) => /^(?:config|set|.*-dir)$/.test(name)),
  },
  {
    name: "panic",
    group: "Bridge",
    summary: "Freeze and kill every agent; nothing starts until `armorclaw bridge resume`",
    method: "bridge.panic",
  },
];
