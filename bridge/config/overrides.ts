import { nearest } from "@armorclaw/protocol/nearest";
import { parse, TomlError } from "smol-toml";
import * as z from "zod";
import { environmentName, unwrap } from "./leaves.ts";
import type { Environment } from "./paths.ts";
import { ConfigSchema, leaves } from "./schema.ts";

export interface ConfigIssue {
  readonly key: string;
  readonly message: string;
  readonly origin: string;
}

/** One value from the environment or the command line. */
export interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly origin: string;
}

/** Variables with the prefix that are not configuration keys. */
const otherVariables = new Set([
  "ARMORCLAW_CONFIG",
  "ARMORCLAW_SOCKET",
  "ARMORCLAW_AGENT_SOCKET",
  "ARMORCLAW_SERVER_UID",
]);

export function fromEnvironment(env: Environment, issues: ConfigIssue[]): Override[] {
  const keys = new Map(leaves().map(({ key }) => [environmentName(key), key]));
  const docker = env["DOCKER_HOST"];
  const standard = docker === undefined ? [] : [ofLeaf("docker.host", docker, "env DOCKER_HOST")];
  const own = Object.entries(env).flatMap(([name, text]) => {
    if (!name.startsWith("ARMORCLAW_") || text === undefined) return [];
    const key = keys.get(name);
    if (key !== undefined) return [ofLeaf(key, text, `env ${name}`)];
    if (!otherVariables.has(name) && !name.startsWith("ARMORCLAW_TEST_")) {
      issues.push({ key: name, message: unknownKey(nearest(name, keys.keys())), origin: `env ${name}` });
    }
    return [];
  });
  return [...standard, ...own];
}

/** Flags by their names, and keys as the file has them: also of entries in tables whose names the operator chooses. */
export function fromFlags(flags: Readonly<Record<string, string>>, issues: ConfigIssue[]): Override[] {
  const keys = leaves().map(({ key }) => key);
  return Object.entries(flags).flatMap(([name, text]) => {
    if (name === "config") return [];
    const key = name.replaceAll("-", "_");
    const origin = `flag --${name}`;
    if (keys.includes(key)) return [ofLeaf(key, text, origin)];
    const path = pathOf(name);
    if (path === undefined) {
      issues.push({ key: name, message: notAKey, origin });
      return [];
    }
    const schema = entryAt(ConfigSchema, path);
    if (schema !== undefined) return [{ path, value: fromText(schema, text), origin }];
    issues.push({ key, message: unknownKey(nearest(key, keys)), origin });
    return [];
  });
}

export const unknownKey = (near: string | undefined): string =>
  near === undefined ? "Unknown key" : `Unknown key; did you mean ${near}?`;

const notAKey = `Not a key; a name with other characters than letters, digits, - and _ stands in quotes: matrix.users."@ann:example.org"`;

function ofLeaf(key: string, text: string, origin: string): Override {
  const leaf = leaves().find((candidate) => candidate.key === key);
  return { path: key.split("."), value: leaf === undefined ? text : fromText(leaf.schema, text), origin };
}

/** A key as TOML reads it, with quoted names. */
function pathOf(key: string): string[] | undefined {
  if (key.includes("\n")) return undefined;
  try {
    const path: string[] = [];
    for (let value: unknown = parse(`${key} = 0`); typeof value === "object" && value !== null; ) {
      const [[name, inner] = ["", 0]] = Object.entries(value);
      path.push(name);
      value = inner;
    }
    return path.includes("__proto__") ? undefined : path;
  } catch (error) {
    if (error instanceof TomlError) return undefined;
    throw error;
  }
}

/** The type of an entry of a table, or of a key in it; undefined where the path does not lead through such a table. */
function entryAt(schema: z.ZodType, [name, ...rest]: readonly string[], isEntry = false): z.ZodType | undefined {
  const type = unwrap(schema);
  if (name === undefined) return isEntry ? type : undefined;
  if (type instanceof z.ZodRecord) return entryAt(type.def.valueType as z.ZodType, rest, true);
  if (!(type instanceof z.ZodObject) || !Object.hasOwn(type.shape, name)) return undefined;
  return entryAt((type.shape as Record<string, z.ZodType>)[name] as z.ZodType, rest, isEntry);
}

/** Text as the key's type; what does not fit is left for the schema to refuse. */
function fromText(schema: z.ZodType, text: string): unknown {
  const type = unwrap(schema);
  if (type instanceof z.ZodBoolean)
    return text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;
  if (type instanceof z.ZodNumber) return text.trim() === "" ? text : Number.isNaN(Number(text)) ? text : Number(text);
  if (type instanceof z.ZodArray && !text.trimStart().startsWith("["))
    return text === "" ? [] : text.split(",").map((item) => item.trim());
  if (type instanceof z.ZodArray || type instanceof z.ZodRecord || type instanceof z.ZodObject) return fromJson(text);
  return text;
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
