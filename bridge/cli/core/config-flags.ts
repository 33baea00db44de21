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
    description: "The engine that runs the agents.",
  },
  {
    name: "runtime-dir",
    key: "runtime-dir",
    kind: "string",
    placeholder: "DIR",
    description: "The directory for the sockets.",
  },
  {
    name: "state-dir",
    key: "state-dir",
    kind: "string",
    placeholder: "DIR",
    description: "The directory for the bridge's state.",
  },
  {
    name: "log-level",
    key: "log-level",
    kind: "string",
    choices: ["debug", "info", "warn", "error", "silent"],
    description: "The lowest level of the log on stderr.",
  },
  {
    name: "set",
    key: "set",
    kind: "list",
    placeholder: "KEY=VALUE",
    description: "Set any key of the configuration, e.g. agents.max=8. May be repeated.",
  },
];

/** A quoted part of the key may hold an equals sign. */
const keyAndValue = /^((?:"[^"]*"|'[^']*'|[^"'=])+)=(.*)$/s;

/** The keys of the configuration that the flags set, those of `--set KEY=VALUE` included. */
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
