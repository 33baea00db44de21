import type { FlagSpec } from "../core/flags.ts";
import { commandNameOf, methodFlags, methodNames } from "../core/method-flags.ts";
import { type Command, isMethodCommand } from "./table/command.ts";
import { commands } from "./table/command-table.ts";

/** The names of all commands: the short ones, and every method under its own name. */
export function allCommandNames(): string[] {
  return [...new Set([...commands.map(({ name }) => name), ...methodNames.map(commandNameOf)])];
}

/** A command's own flags, without the global ones. */
export function flagsOfCommand(name: string): readonly FlagSpec[] {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return flagsOf(command);
  const method = methodNames.find((candidate) => commandNameOf(candidate) === name);
  return method === undefined ? [] : methodFlags(method).flags;
}

function flagsOf(command: Command): readonly FlagSpec[] {
  return isMethodCommand(command) ? methodFlags(command.method, command).flags : command.flags;
}
