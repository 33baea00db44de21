import type { MethodName } from "@armorclaw/protocol";
import { type AnyEvent, type AnyMethod, errorCatalogue, events, methods } from "@armorclaw/protocol";
import { isMethodCommand } from "../../bridge/cli/commands/table/command.ts";
import { commands } from "../../bridge/cli/commands/table/command-table.ts";
import { exitCodes, exitOfErrorCode } from "../../bridge/cli/core/exit-codes.ts";
import { formatArgs } from "../../bridge/cli/core/flags.ts";
import { commandNameOf, methodFlags } from "../../bridge/cli/core/method-flags.ts";
import { fieldsTable, namedTypes, tableOf } from "./fields.ts";
import { code, jsonBlock, markdownTable, page } from "./markdown.ts";

export function methodsPage(): string {
  const entries = Object.entries(methods) as [MethodName, AnyMethod][];
  const overview = entries.map(([name, { summary, roles, effect }]) => [
    `[${code(name)}](#${name.replaceAll(/[^a-z_]/g, "")})`,
    summary,
    roles.join(", "),
    effect,
  ]);
  return page("Methods", [
    "A call has named params, and an unknown field is an error. Results may get more fields in later versions. Besides its own errors, every method may return the errors of the wire (see [errors](errors.md)). [Types](types.md) explains the types that have a name. [openrpc.json](openrpc.json) has the schemas for programs.",
    markdownTable(["Method", "What it does", "Roles", "Effect"], overview),
    ...entries.flatMap(([name, method]) => methodSection(name, method)),
  ]);
}

function methodSection(name: MethodName, method: AnyMethod): string[] {
  const { aliases = [], stream, errors, example } = method;
  return [
    `## ${name}`,
    [method.summary, method.description].filter((text) => text !== undefined).join(" "),
    `Roles: ${method.roles.join(", ")}. Effect: ${method.effect}.${aliases.length === 0 ? "" : ` Classic name: ${aliases.map(code).join(", ")}.`}`,
    `**Params**\n\n${fieldsTable(method.params)}`,
    ...(stream === undefined ? [] : [`**Streamed items**\n\n${fieldsTable(stream)}`]),
    `**Result**\n\n${fieldsTable(method.result)}`,
    ...(errors.length === 0 ? [] : [`**Errors**: ${errors.map(code).join(", ")}`]),
    `**Example**\n\n\`\`\`sh\n${exampleLine(name, example.params)}\n\`\`\`\n\n${jsonBlock({ params: example.params, result: example.result })}`,
  ];
}

/** Returns the command line that calls the method with these params. Where the method's command has its own flags, that is `rpc call`. */
export function exampleLine(name: MethodName, params: unknown): string {
  const command = commandNameOf(name);
  const hasOwnFlags = commands.some((candidate) => candidate.name === command && !isMethodCommand(candidate));
  const words = hasOwnFlags
    ? ["rpc", "call", name, JSON.stringify(params)]
    : [...command.split(" "), ...formatArgs(params as Record<string, unknown>, methodFlags(name).flags)];
  return ["armorclaw", ...words].map(shellWord).join(" ");
}

const shellWord = (word: string): string => (/^[\w./=:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The types that methods and events refer to by name. */
export function typesPage(): string {
  const schemas = [
    ...(Object.values(methods) as AnyMethod[]).flatMap(({ params, result, stream }) => [
      params,
      result,
      ...(stream === undefined ? [] : [stream]),
    ]),
    ...(Object.values(events) as AnyEvent[]).map(({ data }) => data),
  ];
  const sections = [...namedTypes(schemas)].flatMap(([name, { schema, root }]) => [
    `## ${name}`,
    ...(schema.description === undefined ? [] : [schema.description]),
    tableOf(schema, root),
  ]);
  return page("Types", [
    "The types that the pages of [methods](methods.md) and [events](events.md) name.",
    ...sections,
  ]);
}

export function eventsPage(): string {
  const entries: [string, AnyEvent][] = Object.entries(events);
  return page("Events", [
    "The events that the bridge publishes. Agents publish events of their own types on their own channels, `agent.<agent_id>.…`.",
    markdownTable(
      ["Type", "Channel", "Priority", "What happened"],
      entries.map(([type, { channel, priority, summary }]) => [code(type), code(channel), priority, summary]),
    ),
    ...entries.flatMap(([type, { summary, data, example }]) => [
      `## ${type}`,
      summary,
      `**Data**\n\n${fieldsTable(data)}`,
      `**Example**\n\n${jsonBlock(example)}`,
    ]),
  ]);
}

export function errorsPage(): string {
  const rows = (Object.keys(errorCatalogue) as (keyof typeof errorCatalogue)[]).map((name) => {
    const { rpcCode, retryable, summary, remedy } = errorCatalogue[name];
    const exit = exitCodes[exitOfErrorCode[name]];
    return [code(name), String(rpcCode), retryable ? "yes" : "no", String(exit), summary, remedy];
  });
  return page("Errors", [
    "An error has the code below as its `data.code`. Each code has one number, and no number is used again. `data.retryable` says whether the same request may succeed later without a change. The exit code is that of `armorclaw` when a command fails with this error.",
    markdownTable(["Code", "Number", "Retryable", "Exit code", "Meaning", "What to do"], rows),
  ]);
}
