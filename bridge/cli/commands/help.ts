import { methods } from "@armorclaw/protocol";
import { exitCodes } from "../core/exit-codes.ts";
import { globalFlags } from "../core/global-flags.ts";
import type { Runner } from "../core/invocation.ts";
import { commandNameOf, methodNames } from "../core/method-flags.ts";
import type { Paint } from "../core/output.ts";
import { flagLines } from "../render/flag-help.ts";
import { renderTable } from "../render/table.ts";
import { argsOfMethod } from "./command-names.ts";
import { findCommand } from "./find-command.ts";
import { helpText } from "./overview.ts";

/** `armorclaw help [COMMAND]`, `armorclaw help --all`. */
export const run: Runner = async ({ out, values, positionals }) => {
  const view = out.view();
  if (positionals.length > 0) {
    out.text(await commandHelp(positionals, view.paint));
  } else if (values["all"] === true) {
    const columns = [{ title: "COMMAND" }, { title: "WHO" }, { title: "WHAT" }];
    const rows = methodNames.map((name) => [
      `${commandNameOf(name)} ${argsOfMethod(name)}`.trimEnd(),
      methods[name].roles.join(", "),
      methods[name].summary,
    ]);
    out.text(renderTable(columns, rows, view));
  } else {
    out.text(helpText(view.paint));
  }
  return exitCodes.ok;
};

/** What one command does and takes. */
export async function commandHelp(words: readonly string[], paint: Paint): Promise<string> {
  const { name, command, method, flags } = await findCommand(words);
  const args = command?.args ?? (method === undefined ? "" : argsOfMethod(method));
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
