import { globalFlags } from "../core/global-flags.ts";
import type { Paint } from "../core/output.ts";
import { flagLines } from "../render/flag-help.ts";
import { groups } from "./table/command.ts";
import { commands } from "./table/command-table.ts";

const examples: readonly (readonly [string, string])[] = [
  ["armorclaw run", "start the bridge and its agents"],
  ["armorclaw ps", "list the agents"],
  ["armorclaw events --follow", "watch what happens"],
];

/** The help for someone who uses the program for the first time. */
export function overview(paint: Paint): string {
  const nameWidth = Math.max(...commands.map((command) => usageOf(command.name, command.args).length));
  const sections = groups.map((group) => {
    const members = commands.filter((command) => command.group === group);
    const lines = members.map(
      (command) => `  ${usageOf(command.name, command.args).padEnd(nameWidth)}  ${command.summary}`,
    );
    return [paint("bold", group), ...lines].join("\n");
  });
  const exampleWidth = Math.max(...examples.map(([line]) => line.length));
  return [
    "ArmorClaw runs AI agents on this machine, each in a locked container whose only way out is one socket.",
    `${paint("bold", "Usage")}\n  armorclaw COMMAND [flags]`,
    ...sections,
    [paint("bold", "Flags of every command"), ...flagLines(globalFlags)].join("\n"),
    [paint("bold", "Examples"), ...examples.map(([line, what]) => `  ${line.padEnd(exampleWidth)}  # ${what}`)].join(
      "\n",
    ),
    "`armorclaw COMMAND --help` explains a command. Every method of the bridge is a command as well:\n`armorclaw help --all` lists them.",
  ].join("\n\n");
}

const usageOf = (name: string, args: string | undefined): string => (args === undefined ? name : `${name} ${args}`);
