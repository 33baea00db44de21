import type { MethodName } from "@armorclaw/protocol";
import { type AnyEvent, type AnyMethod, errorCatalogue, events, methods } from "@armorclaw/protocol";
import { exitCodes, exitOfErrorCode } from "../../bridge/cli/core/exit-codes.ts";
import { formatArgs } from "../../bridge/cli/core/flags.ts";
import { commandNameOf, methodFlags } from "../../bridge/cli/core/method-flags.ts";
import { fieldsTable } from "./fields.ts";
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
    "Each is called with named params, checked strictly: an unknown field is an error. Results may grow. Any method may also answer the errors of the bridge as a whole (see [errors](errors.md)). Schemas for machines are in [openrpc.json](openrpc.json).",
    markdownTable(["Method", "What it does", "Who", "Effect"], overview),
    ...entries.flatMap(([name, method]) => methodSection(name, method)),
  ]);
}

function methodSection(name: MethodName, method: AnyMethod): string[] {
  const { aliases = [], stream, errors, example } = method;
  const command = shellLine([
    "armorclaw",
    commandNameOf(name),
    ...formatArgs(example.params as Record<string, unknown>, methodFlags(name).flags),
  ]);
  return [
    `## ${name}`,
    [method.summary, method.description].filter((text) => text !== undefined).join(" "),
    `Who: ${method.roles.join(", ")}. Effect: ${method.effect}.${aliases.length === 0 ? "" : ` Classic name: ${aliases.map(code).join(", ")}.`}`,
    `**Params**\n\n${fieldsTable(method.params)}`,
    ...(stream === undefined ? [] : [`**Streamed items**\n\n${fieldsTable(stream)}`]),
    `**Result**\n\n${fieldsTable(method.result)}`,
    ...(errors.length === 0 ? [] : [`**Errors**: ${errors.map(code).join(", ")}`]),
    `**Example**\n\n\`\`\`sh\n${command}\n\`\`\`\n\n${jsonBlock({ params: example.params, result: example.result })}`,
  ];
}

const shellLine = (words: readonly string[]): string =>
  words.map((word) => (/^[\w ./=:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");

export function eventsPage(): string {
  const entries: [string, AnyEvent][] = Object.entries(events);
  return page("Events", [
    "What the bridge itself publishes. Agents publish on their own channels `agent.<agent_id>.…` with types of their own.",
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
    "An error's `data.code` is the code below; numbers are one-to-one and never reused. `data.retryable` says whether the same request may succeed later without any change. The exit code is what the command line ends with.",
    markdownTable(["Code", "Number", "Retryable", "Exit code", "Meaning", "What to do"], rows),
  ]);
}
