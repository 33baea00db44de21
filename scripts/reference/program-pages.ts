import { readFileSync } from "node:fs";
import { limits } from "@armorclaw/protocol/limits";
import { groups, isMethodCommand } from "../../bridge/cli/commands/command.ts";
import { commands } from "../../bridge/cli/commands/command-table.ts";
import { type ExitName, exitCodes, exitMeanings } from "../../bridge/cli/core/exit-codes.ts";
import type { FlagSpec } from "../../bridge/cli/core/flags.ts";
import { globalFlags } from "../../bridge/cli/core/global-flags.ts";
import { argumentWords, commandNameOf, methodFlags, methodNames } from "../../bridge/cli/core/method-flags.ts";
import { flagHead, flagText } from "../../bridge/cli/render/flag-help.ts";
import { environmentName, leaves } from "../../bridge/config/index.ts";
import { jsonSchemaOf, typeText } from "./fields.ts";
import { code, markdownTable, page } from "./markdown.ts";

const flagRows = (flags: readonly FlagSpec[]): string[][] =>
  flags.map((flag) => [code(flagHead(flag)), flagText(flag)]);

export function cliPage(): string {
  const sections = groups.flatMap((group) => [
    `## ${group}`,
    ...commands
      .filter((command) => command.group === group)
      .map((command) => {
        const { name, args = "", summary } = command;
        const flags = isMethodCommand(command) ? methodFlags(command.method, command).flags : command.flags;
        const calls = isMethodCommand(command) ? ` Calls ${code(command.method)}.` : "";
        const table = flags.length === 0 ? "" : `\n\n${markdownTable(["Flag", "Meaning"], flagRows(flags))}`;
        return `### ${`armorclaw ${name} ${args}`.trimEnd()}\n\n${summary}.${calls}${table}`;
      }),
  ]);
  const methodRows = methodNames.map((name) => {
    const line = `armorclaw ${commandNameOf(name)} ${argumentWords(methodFlags(name))}`.trimEnd();
    return [code(line), code(name)];
  });
  const exitRows = (Object.keys(exitCodes) as ExitName[]).map((name) => [String(exitCodes[name]), exitMeanings[name]]);
  return page("Command line", [
    "Data goes to stdout, notices and errors to stderr. NO_COLOR, FORCE_COLOR and TERM=dumb are honoured.",
    "## Flags of every command",
    markdownTable(["Flag", "Meaning"], flagRows(globalFlags)),
    ...sections,
    "## Every method",
    "Each method is a command under its own name, with a flag for each param (`agent_id` is `--agent-id`). A list's flag may be repeated, an object is given as JSON, and `@-` reads a value from stdin. The first argument may stand for the one required param, or for the first id.",
    markdownTable(["Command", "Method"], methodRows),
    "## Exit codes",
    markdownTable(["Code", "Meaning"], exitRows),
  ]);
}

export function configPage(): string {
  const rows = leaves().map(({ key, schema, description = "" }) => {
    const json = jsonSchemaOf(schema);
    const fallback = json["default"];
    return [
      code(key),
      json["type"] === "object" ? "table" : typeText(json),
      fallback === undefined ? "" : code(JSON.stringify(fallback)),
      code(environmentName(key)),
      description,
    ];
  });
  return page("Configuration", [
    "A TOML file, then the environment, then flags of `armorclaw run`; the later wins. A key with a dot is in the table of that name: `agents.max` is `max` in `[agents]`. A table whose names you choose takes `--set` for each: `--set webhooks.pager=https://…`, `--set 'matrix.users.\"@ann:example.org\"=operator'`; its variable takes JSON. An unknown key is an error. `armorclaw config show --origin` prints what is in effect. A JSON Schema is in [config.schema.json](config.schema.json).",
    markdownTable(["Key", "Type", "Default", "Variable", "Meaning"], rows),
  ]);
}

/** Each limit with its reason, which stands in its doc comment. */
export function limitsPage(): string {
  const source = readFileSync(new URL("../../protocol/limits.ts", import.meta.url), "utf8");
  const rows = Object.entries(limits).map(([name, value]) => {
    const reason = new RegExp(`/\\*\\* ([^*]+) \\*/\\s+${name}:`).exec(source)?.[1];
    if (reason === undefined) throw new Error(`The limit ${name} has no doc comment that says why`);
    return [code(name), String(value), reason];
  });
  return page("Limits", [
    "Bounds that both ends of the wire keep. The configuration may lower those that it has a key for.",
    markdownTable(["Limit", "Value", "Why"], rows),
  ]);
}
