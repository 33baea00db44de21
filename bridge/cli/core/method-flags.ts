import { type AnyMethod, type MethodName, methods } from "@armorclaw/protocol";
import * as z from "zod";
import { type FlagSpec, placeholderOf } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly default?: unknown;
  readonly writeOnly?: boolean;
  readonly format?: string;
}

/** A method's params as flags. */
export interface MethodFlags {
  readonly flags: readonly FlagSpec[];
  /** The params that arguments without a flag stand for, in order: the required one or two, or else the first id. */
  readonly positional: readonly string[];
}

/** Every method of the contract, in its order. */
export const methodNames = Object.keys(methods) as MethodName[];

const kebab = (name: string): string => name.replaceAll("_", "-");

/** `agent.start` → `agent start`. */
export const commandNameOf = (method: string): string => kebab(method).replace(".", " ");

/** The method that `armorclaw DOMAIN VERB` calls. */
export function methodOfCommand(domain: string, verb: string): MethodName | undefined {
  return methodNames.find((name) => commandNameOf(name) === `${domain} ${verb}`);
}

/** How the flags of a short command differ from those of its method. */
export interface FlagVariant {
  readonly short?: Readonly<Record<string, string>>;
  readonly defaults?: Readonly<Record<string, unknown>>;
}

export function methodFlags(method: MethodName, { short = {}, defaults = {} }: FlagVariant = {}): MethodFlags {
  const schema = z.toJSONSchema(methods[method].params, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const flags = Object.entries(schema.properties ?? {}).map(([key, property]): FlagSpec => {
    const letter = short[key];
    return {
      name: kebab(key),
      key,
      required: schema.required?.includes(key) ?? false,
      ...(letter === undefined ? {} : { short: letter }),
      ...describe(resolve(property, schema)),
      ...(key in defaults ? { default: defaults[key] } : {}),
    };
  });
  return { flags, positional: positionalOf(flags) };
}

/** The arguments of a method's command as the help prints them: `AGENT_ID`, `[AGENT_ID]`. */
export function argumentWords({ flags, positional }: MethodFlags): string {
  const words = positional.flatMap((argument) => {
    const flag = flags.find(({ key }) => key === argument);
    if (flag === undefined) return [];
    const name = flag.kind === "json" ? placeholderOf(flag) : flag.key.toUpperCase();
    return [flag.required ? name : `[${name}]`];
  });
  return words.join(" ");
}

/** Checks the params as the bridge will, so that a mistake is reported in the words of the flags. */
export function checkParams(method: MethodName, params: unknown): void {
  const parsed = (methods[method] as AnyMethod).params.safeParse(params);
  const issue = parsed.error?.issues[0];
  if (issue === undefined) return;
  const [key] = issue.path;
  const inner = issue.path.slice(1).join(".");
  const where = typeof key === "string" ? `--${kebab(key)}: ${inner === "" ? "" : `${inner}: `}` : "";
  const message = `${where}${issue.message}`;
  throw new UsageError(message, `\`armorclaw ${commandNameOf(method)} --help\` explains each flag`);
}

/** Resolves `$ref`. A keyword beside `$ref` overrides the same keyword of its target. */
function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const name = schema.$ref?.replace("#/$defs/", "");
  const target = name === undefined ? undefined : root.$defs?.[name];
  const { $ref: _, ...own } = schema;
  const resolved = target === undefined ? schema : { ...target, ...own };
  return resolved.items === undefined ? resolved : { ...resolved, items: resolve(resolved.items, root) };
}

function describe(
  schema: JsonSchema,
): Pick<FlagSpec, "kind" | "choices" | "description" | "default" | "secret" | "isTime" | "placeholder"> {
  const choices = (schema.enum ?? schema.items?.enum)?.map(String);
  return {
    kind: kindOf(schema),
    description: schema.description ?? schema.items?.description ?? "",
    ...(choices === undefined ? {} : { choices }),
    ...(schema.default === undefined ? {} : { default: schema.default }),
    ...(schema.writeOnly === true ? { secret: true } : {}),
    ...(schema.format === "date-time" ? { isTime: true, placeholder: "TIME" } : {}),
  };
}

function kindOf({ type, items }: JsonSchema): FlagSpec["kind"] {
  if (type === "boolean" || type === "string") return type;
  if (type === "integer" || type === "number") return "number";
  return type === "array" && items?.type === "string" ? "list" : "json";
}

function positionalOf(flags: readonly FlagSpec[]): string[] {
  const required = flags.filter((flag) => flag.required && flag.secret !== true);
  if (required.length === 0)
    return flags
      .filter(({ name }) => name.endsWith("-id"))
      .map(({ key }) => key)
      .slice(0, 1);
  const isPlain =
    required.length === 1 ? required[0]?.kind !== "boolean" : required.every(({ kind }) => kind === "string");
  return required.length <= 2 && isPlain ? required.map(({ key }) => key) : [];
}
