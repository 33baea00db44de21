import type { MethodName } from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";
import type { FlagSpec } from "../core/flags.ts";
import { UsageError } from "../core/usage-error.ts";
import { type Command, isMethodCommand } from "./table/command.ts";
import { commands } from "./table/command-table.ts";

/** The command that a command line begins with. */
export interface Found {
  readonly name: string;
  /** Undefined for a method under its own name. */
  readonly command: Command | undefined;
  /** The method that the command calls, if it calls exactly one. */
  readonly method: MethodName | undefined;
  readonly flags: readonly FlagSpec[];
  /** What follows the name in the help: `AGENT`, `[AGENT]`. */
  readonly args: string;
  /** The keys of the flags that the arguments stand for, in their order. */
  readonly positional: readonly string[];
  /** How many further arguments the command takes at most. */
  readonly argumentsMax: number;
  /** The words after the name. */
  readonly rest: readonly string[];
}

/** Finds the command that the words begin with. @throws UsageError that names the nearest command */
export async function findCommand(words: readonly string[]): Promise<Found> {
  const [first = "", second = ""] = words;
  const command =
    commands.find(({ name }) => name === `${first} ${second}`) ?? commands.find(({ name }) => name === first);
  const rest = words.slice(command?.name.split(" ").length ?? 2);
  if (command !== undefined && !isMethodCommand(command)) {
    const { name, flags, args = "" } = command;
    const argumentsMax = args === "" ? 0 : args.split(" ").length;
    return { name, command, method: undefined, flags, args, positional: [], argumentsMax, rest };
  }
  const { argumentWords, methodFlags, methodOfCommand } = await import("../core/method-flags.ts");
  const method = command?.method ?? methodOfCommand(first, second);
  if (method === undefined) throw await unknownCommand(first, second);
  const name = command?.name ?? `${first} ${second}`;
  const { flags, positional } = methodFlags(method, command);
  const args = command?.args ?? argumentWords({ flags, positional });
  return { name, command, method, flags, args, positional, argumentsMax: 0, rest };
}

/** Whether the words name a group of commands and no command of it, as `agent` and `agent --help` do. */
export function isGroup([first = "", second = "-"]: readonly string[]): boolean {
  return second.startsWith("-") && !commands.some(({ name }) => name === first);
}

/** What people type for a command that has another name here, or that does not exist. */
const otherWords: Readonly<Record<string, string>> = {
  attach: "`armorclaw logs AGENT --follow` shows what an agent writes",
  cp: "Agents have no file transfer; `armorclaw matrix download` writes the file of a message",
  down: "`armorclaw bridge shutdown` stops the bridge and its agents",
  exec: "Agents have no shell; `armorclaw logs AGENT` shows what one wrote",
  init: "Nothing needs to be set up: `armorclaw run` starts the bridge",
  kill: "`armorclaw stop AGENT` stops one agent, `armorclaw panic` kills them all",
  list: "`armorclaw ps` lists the agents",
  ls: "`armorclaw ps` lists the agents",
  rm: "A stopped agent is listed with --all only; `armorclaw agent remove-workspace AGENT` deletes its files",
  stats: "`armorclaw usage` shows what agents use, `armorclaw top` shows it live",
  up: "`armorclaw run` starts the bridge",
};

/** Other names of verbs, with the verbs that a group may have for them. */
const otherVerbs: Readonly<Record<string, readonly string[]>> = {
  add: ["store", "create", "set", "attach", "grant"],
  create: ["store", "start", "set"],
  delete: ["discard", "drop", "revoke", "forget"],
  ls: ["list", "rooms", "grants"],
  new: ["create", "store", "start"],
  put: ["store", "set"],
  rm: ["delete", "discard", "drop", "revoke", "forget", "remove-workspace"],
  show: ["get", "status", "list"],
};

async function unknownCommand(first: string, second: string): Promise<UsageError> {
  const { allCommandNames } = await import("./command-names.ts");
  const names = allCommandNames();
  const verbs = names.flatMap((name) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []));
  if (verbs.length > 0) {
    const list = `It is one of: ${verbs.join(", ")}`;
    if (second === "" || second.startsWith("-")) return new UsageError(`${first} needs a verb`, list);
    const verb = otherVerbs[second]?.find((other) => verbs.includes(other)) ?? nearest(second, verbs);
    const remedy = verb === undefined ? list : `Did you mean ${first} ${verb}?`;
    return new UsageError(`Unknown command ${first} ${second}`, remedy);
  }
  const near = nearest(first, new Set(names.map((name) => name.split(" ")[0] ?? name)));
  const hint = near === undefined ? "`armorclaw help` lists the commands" : `Did you mean ${near}?`;
  return new UsageError(
    `Unknown command ${first}`,
    Object.hasOwn(otherWords, first) ? (otherWords[first] ?? hint) : hint,
  );
}
