import type { MethodName } from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";
import type { FlagSpec } from "../core/flags.ts";
import { UsageError } from "../core/usage-error.ts";
import { type Command, isMethodCommand } from "./command.ts";
import { commands } from "./command-table.ts";

/** A command line cut after the command's name. */
export interface Found {
  readonly name: string;
  /** Undefined for a method under its own name. */
  readonly command: Command | undefined;
  /** The method that the command calls, when it is one method's. */
  readonly method: MethodName | undefined;
  readonly flags: readonly FlagSpec[];
  /** The key of the flag that a first argument without a flag stands for. */
  readonly positional: readonly string[];
  /** The most further arguments. */
  readonly argumentsMax: number;
  readonly rest: readonly string[];
}

/** Finds the command that the words begin with. @throws UsageError naming the nearest one that exists */
export async function findCommand(words: readonly string[]): Promise<Found> {
  const [first = "", second = ""] = words;
  const command =
    commands.find(({ name }) => name === `${first} ${second}`) ?? commands.find(({ name }) => name === first);
  const rest = words.slice(command?.name.split(" ").length ?? 2);
  if (command !== undefined && !isMethodCommand(command)) {
    const argumentsMax = command.args?.split(" ").length ?? 0;
    const { name, flags } = command;
    return { name, command, method: undefined, flags, positional: [], argumentsMax, rest };
  }
  const { methodFlags, methodOfCommand } = await import("../core/method-flags.ts");
  const method = command?.method ?? methodOfCommand(first, second);
  if (method === undefined) throw await unknownCommand(first, second);
  const name = command?.name ?? `${first} ${second}`;
  return { name, command, method, ...methodFlags(method, command), argumentsMax: 0, rest };
}

async function unknownCommand(first: string, second: string): Promise<UsageError> {
  const { allCommandNames } = await import("./command-names.ts");
  const names = allCommandNames();
  const verbs = names.filter((name) => name.startsWith(`${first} `));
  if (verbs.length > 0) {
    const near = nearest(`${first} ${second}`, verbs);
    const what =
      second === "" || second.startsWith("-") ? `${first} needs a verb` : `Unknown command ${first} ${second}`;
    const help =
      near !== undefined && near !== `${first} ` && second !== ""
        ? `Did you mean ${near}?`
        : `It is one of: ${verbs.map((name) => name.slice(first.length + 1)).join(", ")}`;
    return new UsageError(what, help);
  }
  const heads = new Set(names.map((name) => name.split(" ")[0] ?? name));
  const near = nearest(first, heads);
  return new UsageError(
    `Unknown command ${first}`,
    near === undefined ? "`armorclaw help` lists the commands" : `Did you mean ${near}?`,
  );
}
