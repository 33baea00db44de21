import { parseArgs as tokenize } from "node:util";
import { nearest } from "@armorclaw/protocol/nearest";
import { UsageError } from "./usage-error.ts";

/** One flag. `list` may be given several times; `json` takes any JSON value. */
export interface FlagSpec {
  /** The name without dashes, in kebab-case. */
  readonly name: string;
  /** The name of its value, e.g. of a method's param. */
  readonly key: string;
  readonly kind: "boolean" | "number" | "string" | "json" | "list";
  readonly short?: string;
  readonly choices?: readonly string[];
  /** What the help prints in the value's place. */
  readonly placeholder?: string;
  readonly description: string;
  readonly required?: boolean;
  /** A secret flag's value is typed or read from stdin or a descriptor: every process can read the command line. */
  readonly secret?: boolean;
  readonly default?: unknown;
  /** A time: RFC 3339, or a duration such as `5m` for that long ago. */
  readonly isTime?: boolean;
}

export interface ParsedArgs {
  readonly values: Record<string, unknown>;
  readonly positionals: readonly string[];
}

/** Reads the whole of stdin, for a value given as `@-`. */
export type ReadStdin = () => Promise<string>;

/** Splits the command line into flags and arguments by Node's grammar. Unknown flags are kept. */
export function tokensOf(args: readonly string[], specs: readonly FlagSpec[]) {
  const options = Object.fromEntries(
    specs.map(({ name, kind, short }) => {
      const type = kind === "boolean" ? ("boolean" as const) : ("string" as const);
      return [name, short === undefined ? { type } : { type, short }];
    }),
  );
  const { tokens } = tokenize({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  return tokens;
}

type Token = ReturnType<typeof tokensOf>[number];
type OptionToken = Extract<Token, { kind: "option" }>;

/** @throws UsageError for an unknown flag, a missing value, or one of the wrong kind */
export async function parseArgs(
  args: readonly string[],
  specs: readonly FlagSpec[],
  readStdin: ReadStdin,
): Promise<ParsedArgs> {
  const values: Record<string, unknown> = {};
  const positionals = new Map<number, string>();
  for (const token of tokensOf(args, specs)) {
    const arg = args[token.index] ?? "";
    if (token.kind === "positional") positionals.set(token.index, token.value);
    // Node reads -12 as the flags -1 and -2.
    else if (/^-\d/.test(arg)) positionals.set(token.index, arg);
    else if (token.kind === "option") {
      const { spec, value } = flagOf(token, specs);
      if (typeof value === "string") assertNotInArguments(spec, value);
      const read = value === "@-" ? (await readStdin()).replace(/\r?\n$/, "") : value;
      store(values, spec, typeof read === "boolean" ? read : convert(spec, read));
    }
  }
  return { values, positionals: [...positionals.values()] };
}

/** The inverse of `parseArgs`: the flags that give these values. */
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

/** What a secret flag may have as its value: the descriptor to read the secret from. */
export const descriptor = /^@fd:(\d{1,4})$/;

/** @throws UsageError for a secret given in the command line, which every process of the machine can read */
function assertNotInArguments(spec: FlagSpec, value: string): void {
  if (spec.secret !== true || value === "@-" || descriptor.test(value)) return;
  throw new UsageError(
    `--${spec.name} does not accept the secret itself: other users can read the command line`,
    `Leave the flag out and type the secret or send it on stdin, or pass a descriptor: --${spec.name} @fd:3`,
  );
}

interface GivenFlag {
  readonly spec: FlagSpec;
  readonly value: string | boolean;
}

function flagOf({ name, rawName, value, inlineValue }: OptionToken, specs: readonly FlagSpec[]): GivenFlag {
  const spec = specs.find((candidate) => candidate.name === name);
  if (spec === undefined) {
    const negated = specs.find((candidate) => candidate.kind === "boolean" && name === `no-${candidate.name}`);
    if (negated === undefined) throw unknownFlag(rawName, specs);
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`, `Write ${rawName}`);
    return { spec: negated, value: false };
  }
  if (spec.kind === "boolean") {
    if (value === undefined || value === "true") return { spec, value: true };
    if (value === "false") return { spec, value: false };
    throw new UsageError(`${rawName} takes no value`, `Write ${rawName}, or --no-${spec.name}`);
  }
  const isNextFlag = inlineValue === false && value?.startsWith("--") === true;
  if (value === undefined || isNextFlag)
    throw new UsageError(`${rawName} needs a value`, `Write ${rawName} ${placeholderOf(spec)}`);
  return { spec, value };
}

function unknownFlag(flag: string, specs: readonly FlagSpec[]): UsageError {
  const near = nearest(
    flag,
    specs.map(({ name }) => `--${name}`),
  );
  return new UsageError(
    `Unknown flag ${flag}`,
    near === undefined ? "Add --help to list the flags" : `Did you mean ${near}?`,
  );
}

/** A flag's text as the type that the flag has. */
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

/** @throws UsageError that names `what`, which the text was given for */
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
