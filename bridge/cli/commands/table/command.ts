import type { MethodName } from "@armorclaw/protocol";
import type { FlagSpec } from "../../core/flags.ts";

export const groups = ["Bridge", "Agents", "Events", "Rights", "Budget", "Matrix", "Tools"] as const;

interface CommandBase {
  /** One word, or two. */
  readonly name: string;
  readonly group: (typeof groups)[number];
  readonly summary: string;
  /** What follows the name in the help, flags apart; as many words as there may be arguments. */
  readonly args?: string;
}

/** A short verb for a method; its flags come from the contract. */
export interface MethodCommand extends CommandBase {
  readonly method: MethodName;
  /** Params that this verb sends when they are not given. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Param → its one-letter flag. */
  readonly short?: Readonly<Record<string, string>>;
}

/** A command of the command line itself; `load-runner.ts` finds the function that runs it. */
export interface OwnCommand extends CommandBase {
  readonly flags: readonly FlagSpec[];
}

export type Command = MethodCommand | OwnCommand;

export const isMethodCommand = (command: Command): command is MethodCommand => "method" in command;
