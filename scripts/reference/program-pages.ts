import { readFileSync } from "node:fs";
import { limits } from "@armorclaw/protocol/limits";
import { groups, isMethodCommand } from "../../bridge/cli/commands/table/command.ts";
import { commands } from "../../bridge/cli/commands/table/command-table.ts";
import { type ExitName, exitCodes, exitMeanings } from "../../bridge/cli/core/exit-codes.ts";
import type { FlagSpec } from "../../bridge/cli/core/flags.ts";
import { globalFlags } from "../../bridge/cli/core/global-flags.ts";
import { argumentWords, commandNameOf, methodFlags, methodNames } from "../../bridge/cli/core/method-flags.ts";
import { flagHead, flagText } from "../../bridge/cli/render/flag-help.ts";
import { environmentName, leaves } from "../../bridge/config/index.ts";
import { innerRows, jsonSchemaOf, typeText } from "./fields.ts";
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
    "Commands write data to stdout, notices and errors to stderr. NO_COLOR, FORCE_COLOR and TERM=dumb have their usual effect. All commands read flags alike: `--flag VALUE` or `--flag=VALUE`, `--no-flag` for a switch, short flags, and `--` before arguments that begin with a dash. The flags of every command may also come before the command.",
    "## Flags of every command",
    markdownTable(["Flag", "Meaning"], flagRows(globalFlags)),
    ...sections,
    "## Every method",
    "Each method is a command under its own name, with a flag for each param (`--agent-id` for `agent_id`). The flag of a list may be repeated, the flag of an object takes JSON, and the value `@-` is read from stdin. Arguments without a flag give the required params, or the first id. A secret is never given in the command line: it is typed, sent on stdin, or read from a descriptor (`@fd:3`).",
    markdownTable(["Command", "Method"], methodRows),
    "## Exit codes",
    markdownTable(["Code", "Meaning"], exitRows),
  ]);
}

export function configPage(): string {
  const rows = leaves().flatMap(({ key, schema, description = "" }) => {
    const json = jsonSchemaOf(schema);
    const fallback = json["default"];
    const preset = fallback === undefined ? "" : code(JSON.stringify(fallback));
    const inner = innerRows(key, json, json).map(({ path, type, presence, meaning }) => [
      code(path),
      type,
      presence,
      "",
      meaning,
    ]);
    return [[code(key), typeText(json), preset, code(environmentName(key)), description], ...inner];
  });
  return page("Configuration", [
    "The bridge reads a TOML file, then environment variables, then the flags of `armorclaw run`; the last value that is given applies. A key with a dot is in the table of that name: `agents.max` is `max` in `[agents]`. `<name>` is a name that you choose, and `[]` marks the members of a list: `[[alerts.to]]` begins one. Flags set one key of such a table: `--set webhooks.pager=https://…`, `--set 'matrix.users.\"@ann:example.org\"=operator'`; the variable of the table takes JSON. An unknown key is an error. `armorclaw config show --origin` prints every value and where it comes from. [config.schema.json](config.schema.json) is the JSON Schema.",
    markdownTable(["Key", "Type", "Default", "Variable", "Meaning"], rows),
  ]);
}

/** Each limit with its reason, taken from its doc comment. */
export function limitsPage(): string {
  const source = readFileSync(new URL("../../protocol/types/limits.ts", import.meta.url), "utf8");
  const rows = Object.entries(limits).map(([name, value]) => {
    const reason = new RegExp(`/\\*\\* ([^*]+) \\*/\\s+${name}:`).exec(source)?.[1];
    if (reason === undefined) throw new Error(`The limit ${name} has no doc comment that says why`);
    return [code(name), String(value), reason];
  });
  return page("Limits", [
    "Limits of both sides of a connection. The configuration can lower those that have a key there.",
    markdownTable(["Limit", "Value", "Why"], rows),
  ]);
}
