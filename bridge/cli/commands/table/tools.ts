import { configFlags } from "../../core/config-flags.ts";
import type { Command } from "./command.ts";

/** The commands for raw calls, the configuration and the command line itself. */
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
    summary: "Print the configuration; --origin adds where each value comes from",
    flags: [
      ...configFlags,
      { name: "origin", key: "origin", kind: "boolean", description: "Print where each value comes from." },
    ],
  },
  {
    name: "config validate",
    group: "Tools",
    summary: "Check the configuration; exit code 10 if it is not valid",
    flags: configFlags,
  },
  {
    name: "config schema",
    group: "Tools",
    summary: "Print the JSON Schema of the configuration",
    flags: [],
  },
  {
    name: "completion",
    group: "Tools",
    args: "bash|zsh|fish",
    summary: "Print a completion script for the shell",
    flags: [],
  },
  { name: "version", group: "Tools", summary: "Print the version of this program; so do -v and --version", flags: [] },
  {
    name: "help",
    group: "Tools",
    args: "[COMMAND [VERB]]",
    summary: "Explain a command; --all lists every method",
    flags: [{ name: "all", key: "all", kind: "boolean", description: "List every method as a command." }],
  },
];
