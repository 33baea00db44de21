import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BridgeError } from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";
import { parse, TomlError } from "smol-toml";
import * as z from "zod";
import { untrusted } from "../platform/os/trusted-file.ts";
import { camelCased } from "./camel-case.ts";
import { type NameFault, nameFaults } from "./name-checks.ts";
import { type ConfigIssue, fromEnvironment, fromFlags, unknownKey } from "./overrides.ts";
import { controlSocketPath, defaultPaths, type Environment } from "./paths.ts";
import { type Config, ConfigSchema, type ConfigValues, leaves } from "./schema.ts";

export interface ConfigSources {
  /** Kebab-case flag name (without dashes) or key as in the file → value as text, e.g. `runtime-dir`, `agents.max`. */
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Environment;
  readonly uid: number | undefined;
  readonly platform: NodeJS.Platform;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The same, by the keys of the configuration file. */
  readonly values: ConfigValues;
  /** Dotted key → where its value came from: `default`, `file PATH`, `env NAME` or `flag --NAME`. */
  readonly origins: ReadonlyMap<string, string>;
  /** The file that was read, or undefined when there is none. */
  readonly file: string | undefined;
  readonly socketPath: string;
}

/**
 * File, then environment, then flags; the later wins.
 * @throws BridgeError CONFIG_INVALID, with `details.issues` naming each wrong key, its origin and the nearest known key
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const paths = defaultPaths(sources.env, sources.uid, sources.platform);
  const named = sources.flags["config"] ?? sources.env["ARMORCLAW_CONFIG"];
  const file = named ?? paths.configFile;
  const fromFile = readToml(file, named !== undefined);
  const raw: Record<string, unknown> = structuredClone(fromFile ?? {});
  const origins = new Map<string, string>();
  const issues: ConfigIssue[] = [];
  for (const key of keysOf(fromFile ?? {})) origins.set(key, `file ${file}`);
  const overrides = [...fromEnvironment(sources.env, issues), ...fromFlags(sources.flags, issues)];
  for (const { path, value, origin } of overrides) {
    setPath(raw, path, value);
    origins.set(path.join("."), origin);
  }
  const parsed = ConfigSchema.safeParse(raw);
  if (!parsed.success) issues.push(...parsed.error.issues.flatMap((issue) => explain(issue, origins)));
  if (parsed.success) {
    const faults = [...nameFaults(parsed.data), ...unreachableLanes(parsed.data)];
    issues.push(...faults.map(({ key, message }) => ({ key, message, origin: originOf(key, origins) })));
  }
  if (issues.length > 0 || !parsed.success) throw invalid(issues);
  for (const { key } of leaves()) if (!hasOrigin(origins, key)) origins.set(key, "default");
  const { keystore, audit } = parsed.data;
  const stateDirectory = parsed.data.state_dir ?? paths.stateDirectory;
  const complete = {
    ...parsed.data,
    runtime_dir: parsed.data.runtime_dir ?? paths.runtimeDirectory,
    state_dir: stateDirectory,
    keystore: { ...keystore, key_file: keystore.key_file ?? join(stateDirectory, "keystore.key") },
    audit: { ...audit, anchor_file: audit.anchor_file ?? join(stateDirectory, "audit.anchors") },
  };
  return {
    // The type follows from the same schema as the value does.
    config: camelCased(ConfigSchema, complete) as Config,
    values: complete,
    origins,
    file: fromFile === undefined ? undefined : file,
    socketPath: controlSocketPath(complete.runtime_dir, sources.platform),
  };
}

/** The configuration file's JSON Schema. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(ConfigSchema, { io: "input", unrepresentable: "any" }) as Record<string, unknown>;
}

function readToml(file: string, mustExist: boolean): Record<string, unknown> | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
    const danger = untrusted(file);
    if (danger !== undefined) throw invalid([{ key: "", message: danger, origin: `file ${file}` }]);
  } catch (error) {
    if (error instanceof BridgeError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && !mustExist) return undefined;
    throw invalid([{ key: "", message: `The file cannot be read (${code})`, origin: `file ${file}` }], error);
  }
  try {
    return parse(text) as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = `Line ${error.line}: ${error.message.split("\n")[0]}`;
    throw invalid([{ key: "", message, origin: `file ${file}` }], error);
  }
}

function setPath(target: Record<string, unknown>, [head, ...rest]: readonly string[], value: unknown): void {
  if (head === undefined) return;
  if (rest.length === 0) {
    target[head] = value;
    return;
  }
  target[head] ??= {};
  const child = target[head];
  if (typeof child === "object" && child !== null) setPath(child as Record<string, unknown>, rest, value);
}

function keysOf(value: Record<string, unknown>, prefix = ""): string[] {
  return Object.entries(value).flatMap(([name, child]) => {
    const key = prefix === "" ? name : `${prefix}.${name}`;
    const isTable = typeof child === "object" && child !== null && !Array.isArray(child);
    return isTable ? [key, ...keysOf(child as Record<string, unknown>, key)] : [key];
  });
}

const hasOrigin = (origins: ReadonlyMap<string, string>, key: string): boolean =>
  origins.has(key) || [...origins.keys()].some((known) => known.startsWith(`${key}.`));

function explain(issue: z.core.$ZodIssue, origins: ReadonlyMap<string, string>): ConfigIssue[] {
  const key = issue.path.join(".");
  if (issue.code !== "unrecognized_keys") return [{ key, message: issue.message, origin: originOf(key, origins) }];
  const known = leaves().map((leaf) => leaf.key);
  return issue.keys.map((name) => {
    const full = key === "" ? name : `${key}.${name}`;
    const near =
      nearest(full, known) ??
      known.find((candidate) => candidate.endsWith(`.${name}`) || candidate.startsWith(`${name}.`));
    return { key: full, message: unknownKey(near), origin: originOf(full, origins) };
  });
}

/** Routes of alerts that lead nowhere: rooms that the bridge may not write to, and webhooks without a URL. */
function unreachableLanes({ alerts, matrix, webhooks }: ConfigValues): NameFault[] {
  return alerts.to.flatMap(({ destination, lane }, at) => {
    const isKnown = destination === "matrix" ? matrix.rooms.includes(lane) : Object.hasOwn(webhooks, lane);
    if (isKnown) return [];
    const known = destination === "matrix" ? "matrix.rooms" : "webhooks";
    return [
      { key: `alerts.to.${at}.lane`, message: `${lane} is not in ${known}, so alerts cannot reach it. Add it there` },
    ];
  });
}

/** Where a key's value came from: its own origin, or that of the table or list that it stands in. */
function originOf(key: string, origins: ReadonlyMap<string, string>): string {
  for (let prefix = key; prefix !== ""; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf(".")))) {
    const origin = origins.get(prefix);
    if (origin !== undefined) return origin;
  }
  return "default";
}

function invalid(issues: readonly ConfigIssue[], cause?: unknown): BridgeError {
  const text = issues
    .map(({ key, message, origin }) => `${key === "" ? "" : `${key}: `}${message} (${origin})`)
    .join("; ");
  return new BridgeError("CONFIG_INVALID", text, { issues }, { cause });
}
