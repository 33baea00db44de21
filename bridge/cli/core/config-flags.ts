import { UsageError } from "./usage-error.ts";

/** In a quoted name of the key there may be an equals sign, too. */
const keyAndValue = /^((?:"[^"]*"|'[^']*'|[^"'=])+)=(.*)$/s;

/** What the flags say of the configuration, those of `--set KEY=VALUE` among them. */
export function configFlags(values: Readonly<Record<string, unknown>>): Record<string, string> {
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
