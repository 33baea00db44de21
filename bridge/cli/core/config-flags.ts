import type { FlagSpec } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

/** The flags of `armorclaw run` and of every command that reads the configuration. */
export const configFlags: readonly FlagSpec[] = [
  {
    name: "config",
    key: "config",
    kind: "string",
    placeholder: "FILE",
    description: "The configuration file to read.",
  },
  {
    name: "engine",
    key: "engine",
    kind: "string",
    choices: ["auto", "docker", "sandbox", "process"],
    description: "What runs agents' containers.",
  },
  {
    name: "runtime-dir",
    key: "runtime-dir",
    kind: "string",
    placeholder: "DIR",
    description: "The directory of the sockets.",
  },
  {
    name: "state-dir",
    key: "state-dir",
    kind: "string",
    placeholder: "DIR",
    description: "The directory of what outlives a restart.",
  },
  {
    name: "log-level",
    key: "log-level",
    kind: "string",
    choices: ["debug", "info", "warn", "error", "silent"],
    description: "What goes to stderr.",
  },
  {
    name: "set",
    key: "set",
    kind: "list",
    placeholder: "KEY=VALUE",
    description: "Any key of the configuration, as agents.max or webhooks.pager. May be repeated.",
  },
];

/** In a quoted name of the key there may be an equals sign, too. */
const keyAndValue = /^((?:"[^"]*"|'[^']*'|[^"'=])+)=(.*)$/s;

/** What the flags say of the configuration, those of `--set KEY=VALUE` among them. */
export function configOverrides(values: Readonly<Record<string, unknown>>): Record<string, string> {
  const { set = [], ...others } = values;
  const named = Object.entries(others).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
  const pairs = (set as readonly string[]).map((pair) => {
    const [, key, value] = keyAndValue.exec(pair) ?? [];
    if (key === undefined || value === undefined)
      throw new UsageError(`--set takes KEY=VALUE, not ${pair}`, "`armorclaw config schema` lists the keys");
    return [key, value];
  });
  return Object.fromEntries([...named, ...pairs]);
}
