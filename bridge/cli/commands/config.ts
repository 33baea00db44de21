import { configJsonSchema, type LoadedConfig, loadConfig } from "../../config/index.ts";
import { configOverrides } from "../core/config-flags.ts";
import { exitCodes } from "../core/exit-codes.ts";
import type { Invocation, Runner } from "../core/invocation.ts";
import { visible } from "../core/visible.ts";

/** `armorclaw config show [--origin]`: the configuration that `armorclaw run` would use. */
export const show: Runner = async (invocation) => {
  const { values: config, origins } = load(invocation);
  const { out, values } = invocation;
  if (out.isJson) {
    out.json(values["origin"] === true ? { config, origins: Object.fromEntries(origins) } : config);
  } else {
    out.text(tomlLines(config, values["origin"] === true ? origins : undefined).join("\n"));
  }
  return exitCodes.ok;
};

/** `armorclaw config validate`. A configuration that is not valid is the error CONFIG_INVALID. */
export const validate: Runner = async (invocation) => {
  const { file } = load(invocation);
  const { out } = invocation;
  if (out.isJson) out.json({ valid: true, file: file ?? null });
  else out.text(file === undefined ? "The configuration is valid (there is no file)" : `${visible(file)} is valid`);
  return exitCodes.ok;
};

/** `armorclaw config schema`. */
export const schema: Runner = async ({ out, io }) => {
  if (out.isJson) out.json(configJsonSchema());
  else io.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return exitCodes.ok;
};

function load({ values, io }: Invocation): LoadedConfig {
  return loadConfig({
    flags: configOverrides(values),
    env: io.env,
    uid: process.getuid?.(),
    platform: process.platform,
  });
}

type Origins = ReadonlyMap<string, string>;

/** The configuration as a TOML file: values first, then tables. */
function tomlLines(table: object, origins: Origins | undefined, path: readonly string[] = []): string[] {
  const entries = Object.entries(table).filter(([, value]) => value !== undefined);
  const lines = entries.flatMap(([name, value]) => {
    if (isTable(value)) return [];
    const origin = origins?.get([...path, name].join("."));
    return [`${tomlKey(name)} = ${tomlValue(value)}${origin === undefined ? "" : `  # ${visible(origin)}`}`];
  });
  const tables = entries.flatMap(([name, value]) => {
    if (!isTable(value)) return [];
    const own = [...path, name];
    const inner = tomlLines(value, origins, own);
    return inner.length === 0 || inner[0]?.startsWith("[") === true
      ? inner
      : ["", `[${own.map(tomlKey).join(".")}]`, ...inner];
  });
  return [...lines, ...tables];
}

const isTable = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const tomlKey = (name: string): string => (/^[\w-]+$/.test(name) ? name : visible(JSON.stringify(name)));

function tomlValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(", ")}]`;
  if (!isTable(value)) return visible(JSON.stringify(value));
  return `{ ${Object.entries(value)
    .flatMap(([name, inner]) => (inner === undefined ? [] : [`${tomlKey(name)} = ${tomlValue(inner)}`]))
    .join(", ")} }`;
}
