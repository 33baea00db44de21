import type { MethodName } from "@armorclaw/protocol";
import type { FlagSpec } from "../../core/flags.ts";

export const groups = ["Bridge", "Agents", "Events", "Rights", "Budget", "Matrix", "Tools"] as const;

interface CommandBase {
  /** One or two words. */
  readonly name: string;
  readonly group: (typeof groups)[number];
  readonly summary: string;
  /** The arguments as the help prints them, one word for each. */
  readonly args?: string;
}

/** A short command for a method. The contract gives its flags. */
export interface MethodCommand extends CommandBase {
  readonly method: MethodName;
  /** Params that this command sends when they are not given. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Param → its one-letter flag. */
  readonly short?: Readonly<Record<string, string>>;
}

/** A command with flags of its own. `load-runner.ts` loads the function that runs it. */
export interface OwnCommand extends CommandBase {
  readonly flags: readonly FlagSpec[];
}

export type Command = MethodCommand | OwnCommand;

export const isMethodCommand = (command: Command): command is MethodCommand => "method" in command;
