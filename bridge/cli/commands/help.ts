import { methods } from "@armorclaw/protocol";
import { exitCodes } from "../core/exit-codes.ts";
import { globalFlags } from "../core/global-flags.ts";
import type { Runner } from "../core/invocation.ts";
import { argumentWords, commandNameOf, methodFlags, methodNames } from "../core/method-flags.ts";
import type { View } from "../core/output.ts";
import { flagLines } from "../render/flag-help.ts";
import { renderTable } from "../render/table.ts";
import { findCommand, isGroup } from "./find-command.ts";
import { overview } from "./overview.ts";
import { commands } from "./table/command-table.ts";

/** `armorclaw help [COMMAND]`, `armorclaw help --all`. */
export const run: Runner = async ({ out, values, positionals }) => {
  const view = out.view();
  if (positionals.length > 0) {
    out.text(await commandHelp(positionals, view));
  } else if (values["all"] === true) {
    const columns = [{ title: "COMMAND" }, { title: "WHO" }, { title: "WHAT" }];
    const rows = methodNames.map((name) => [
      `${commandNameOf(name)} ${argumentWords(methodFlags(name))}`.trimEnd(),
      methods[name].roles.join(", "),
      methods[name].summary,
    ]);
    out.text(renderTable(columns, rows, view));
  } else {
    out.text(overview(view.paint));
  }
  return exitCodes.ok;
};

/** What one command does, and its flags; for a group, its commands. @throws UsageError for an unknown one */
export async function commandHelp(words: readonly string[], view: View): Promise<string> {
  const group = isGroup(words) ? groupHelp(words[0] ?? "", view) : undefined;
  if (group !== undefined) return group;
  const { paint } = view;
  const { name, args, command, method, flags } = await findCommand(words);
  const what = command === undefined && method !== undefined ? methods[method].summary : `${command?.summary}.`;
  const description = method === undefined ? undefined : methods[method].description;
  return [
    what,
    ...(description === undefined ? [] : [description]),
    `${paint("bold", "Usage")}\n  ${`armorclaw ${name} ${args}`.trimEnd()} [flags]`,
    ...(flags.length === 0 ? [] : [[paint("bold", "Flags"), ...flagLines(flags)].join("\n")]),
    [paint("bold", "Flags of every command"), ...flagLines(globalFlags)].join("\n"),
    ...(method === undefined ? [] : [`Calls the method ${method}, for: ${methods[method].roles.join(", ")}.`]),
  ].join("\n\n");
}

/** The commands of a group, e.g. of `keystore`; undefined when there is no such group. */
function groupHelp(group: string, view: View): string | undefined {
  const prefix = `${group} `;
  const rows = new Map<string, string>();
  for (const name of methodNames.filter((method) => commandNameOf(method).startsWith(prefix)))
    rows.set(commandNameOf(name), methods[name].summary.replace(/\.$/, ""));
  for (const { name, summary } of commands.filter((command) => command.name.startsWith(prefix)))
    rows.set(name, summary);
  if (rows.size === 0) return undefined;
  return [
    renderTable([{ title: "COMMAND" }, { title: "WHAT" }], [...rows], view),
    `\`armorclaw ${group} VERB --help\` explains a command.`,
  ].join("\n\n");
}
