import { nearest } from "@armorclaw/protocol/nearest";
import { UsageError } from "./usage-error.ts";

/** One flag. `list` may be given several times; `json` takes any JSON value. */
export interface FlagSpec {
  /** Without dashes, in kebab-case. */
  readonly name: string;
  /** The name of its value, e.g. of a method's param. */
  readonly key: string;
  readonly kind: "boolean" | "number" | "string" | "json" | "list";
  readonly short?: string;
  readonly choices?: readonly string[];
  /** What stands for the value in the help. */
  readonly placeholder?: string;
  readonly description: string;
  readonly required?: boolean;
  /** Its value never stands in the command line: it is typed, or comes by stdin or a descriptor. */
  readonly secret?: boolean;
  readonly default?: unknown;
}

export interface ParsedArgs {
  readonly values: Record<string, unknown>;
  readonly positionals: readonly string[];
}

/** Reads what came on stdin, for a value given as `@-`. */
export type ReadStdin = () => Promise<string>;

/** @throws UsageError for an unknown flag, a missing value, or one of the wrong kind */
export async function parseArgs(
  args: readonly string[],
  specs: readonly FlagSpec[],
  readStdin: ReadStdin,
): Promise<ParsedArgs> {
  const values: Record<string, unknown> = {};
  const positionals: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      positionals.push(...rest.splice(0));
    } else if (!/^-(?:-|[A-Za-z])/.test(arg)) {
      positionals.push(arg);
    } else {
      const { spec, value } = takeFlag(arg, rest, specs);
      if (typeof value === "string") assertNotInArguments(spec, value);
      const read = value === "@-" ? (await readStdin()).replace(/\r?\n$/, "") : value;
      store(values, spec, typeof read === "boolean" ? read : convert(spec, read));
    }
  }
  return { values, positionals };
}

/** The flags that `parseArgs` reads back as these values; for examples and tests. */
export function formatArgs(values: Readonly<Record<string, unknown>>, specs: readonly FlagSpec[]): string[] {
  return specs.flatMap((spec) => {
    const value = values[spec.key];
    if (value === undefined) return [];
    if (spec.secret === true) return [`--${spec.name}`, "@-"];
    if (spec.kind === "boolean") return [value === true ? `--${spec.name}` : `--no-${spec.name}`];
    if (spec.kind === "list" && Array.isArray(value)) return value.flatMap((item) => flagAndValue(spec, String(item)));
    return flagAndValue(spec, spec.kind === "json" ? JSON.stringify(value) : String(value));
  });
}

const flagAndValue = (spec: FlagSpec, value: string): string[] =>
  value.startsWith("-") ? [`--${spec.name}=${value}`] : [`--${spec.name}`, value];

/** What a secret flag may say instead of the secret: where to read it. */
export const descriptor = /^@fd:(\d{1,4})$/;

/** @throws UsageError for a secret that stands in the command line, where every process of the machine can read it */
function assertNotInArguments(spec: FlagSpec, value: string): void {
  if (spec.secret !== true || value === "@-" || descriptor.test(value)) return;
  throw new UsageError(
    `--${spec.name} does not take a secret from the command line, where others can see it`,
    `Leave it out and type it or send it on stdin, or give --${spec.name} @fd:3`,
  );
}

interface TakenFlag {
  readonly spec: FlagSpec;
  readonly value: string | boolean;
}

function takeFlag(arg: string, rest: string[], specs: readonly FlagSpec[]): TakenFlag {
  const [flag = arg, ...inlineParts] = arg.split("=");
  const inline = inlineParts.length === 0 ? undefined : inlineParts.join("=");
  const isNegated = flag.startsWith("--no-");
  const spec = specs.find(({ name, short }) => flag === `--${name}` || flag === `-${short}`);
  if (spec === undefined) {
    const negated = specs.find(({ name, kind }) => isNegated && kind === "boolean" && flag === `--no-${name}`);
    if (negated === undefined) throw unknownFlag(flag, specs);
    if (inline !== undefined) throw new UsageError(`${flag} takes no value`, `Write ${flag}`);
    return { spec: negated, value: false };
  }
  if (spec.kind === "boolean") {
    if (inline === undefined || inline === "true") return { spec, value: true };
    if (inline === "false") return { spec, value: false };
    throw new UsageError(`${flag} takes no value`, `Write ${flag}, or --no-${spec.name}`);
  }
  const value = inline ?? (rest[0]?.startsWith("--") === true ? undefined : rest.shift());
  if (value === undefined) throw new UsageError(`${flag} needs a value`, `Write ${flag} ${placeholderOf(spec)}`);
  return { spec, value };
}

function unknownFlag(flag: string, specs: readonly FlagSpec[]): UsageError {
  const near = nearest(
    flag,
    specs.map(({ name }) => `--${name}`),
  );
  return new UsageError(
    `Unknown flag ${flag}`,
    near === undefined ? "Add --help to see the flags" : `Did you mean ${near}?`,
  );
}

/** The text of a flag's value as what the flag is for. */
export function convert(spec: FlagSpec, text: string): unknown {
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    throw new UsageError(`--${spec.name} cannot be ${text}`, `It is one of ${spec.choices.join(", ")}`);
  }
  if (spec.kind === "number") {
    const number = Number(text);
    if (text.trim() !== "" && Number.isFinite(number)) return number;
    throw new UsageError(`--${spec.name} must be a number, not ${text}`, `Write --${spec.name} ${placeholderOf(spec)}`);
  }
  return spec.kind === "json" ? parseJson(text, `--${spec.name}`) : text;
}

/** @throws UsageError naming what the text was for */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `${what} is not JSON: ${(error as Error).message}`,
      "Quote it for the shell, e.g. '{\"key\":1}', or give @- and send it on stdin",
    );
  }
}

function store(values: Record<string, unknown>, spec: FlagSpec, value: unknown): void {
  if (spec.kind !== "list") {
    values[spec.key] = value;
    return;
  }
  const before = values[spec.key];
  values[spec.key] = Array.isArray(before) ? [...before, value] : [value];
}

export const placeholderOf = (spec: FlagSpec): string =>
  spec.placeholder ??
  (spec.choices !== undefined
    ? spec.choices.join("|")
    : { boolean: "", number: "N", string: "TEXT", json: "JSON", list: "TEXT" }[spec.kind]);
