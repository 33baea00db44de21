import * as z from "zod";

/** One key that holds a value rather than other keys, e.g. `agents.max`. */
export interface Leaf {
  readonly key: string;
  readonly schema: z.ZodType;
  readonly description: string | undefined;
}

/** Every key of a schema that holds a value, in the schema's order. A record counts as one. */
export function leavesOf(schema: z.ZodType, prefix = ""): Leaf[] {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodObject)) return [{ key: prefix, schema, description: schema.description }];
  return Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([name, child]) =>
    leavesOf(child, prefix === "" ? name : `${prefix}.${name}`),
  );
}

/** The type under defaults and options. */
export function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.def.innerType as z.ZodType);
  }
  return schema;
}

/** `agents.max` → `ARMORCLAW_AGENTS_MAX`. */
export const environmentName = (key: string): string => `ARMORCLAW_${key.replaceAll(".", "_").toUpperCase()}`;
