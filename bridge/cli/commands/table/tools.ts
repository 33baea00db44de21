import { configFlags } from "../../core/config-flags.ts";
import type { Command } from "./command.ts";

/** The commands that need no bridge, or that reach any of its methods. */
export const toolsCommands: readonly Command[] = [
  {
    name: "rpc call",
    group: "Tools",
    args: "METHOD [JSON|@-]",
    summary: "Call any method with JSON params; @- reads them from stdin",
    flags: [],
  },
  { name: "rpc discover", group: "Tools", summary: "List every method; --json prints OpenRPC", method: "rpc.discover" },
  {
    name: "config show",
    group: "Tools",
    summary: "The configuration in effect; --origin says where from",
    flags: [
      ...configFlags,
      { name: "origin", key: "origin", kind: "boolean", description: "Say where each value comes from." },
    ],
  },
  {
    name: "config validate",
    group: "Tools",
    summary: "Check the configuration; ends with 10 when it is wrong",
    flags: configFlags,
  },
  {
    name: "config schema",
    group: "Tools",
    summary: "The configuration's JSON Schema",
    flags: [],
  },
  {
    name: "completion",
    group: "Tools",
    args: "bash|zsh|fish",
    summary: "Print a completion script for the shell",
    flags: [],
  },
  { name: "version", group: "Tools", summary: "This program's version", flags: [] },
  {
    name: "help",
    group: "Tools",
    args: "[COMMAND [VERB]]",
    summary: "Explain a command; --all lists every method",
    flags: [{ name: "all", key: "all", kind: "boolean", description: "List every method as a command." }],
  },
];
