import * as z from "zod";
import { unwrap } from "./leaves.ts";

/** `hang_after_ms` → `hangAfterMs`. */
export type CamelCase<Name> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** A value with the keys of its tables in camelCase. Keys of records are names that the operator chose, and stay. */
export type CamelCased<Value> = Value extends string | number | boolean | null | undefined
  ? Value
  : Value extends readonly (infer Item)[]
    ? CamelCased<Item>[]
    : { [Key in keyof Value as CamelCase<Key>]: CamelCased<Value[Key]> };

/** Schemas of whole values of the contract, such as a grant, whose keys stay as the contract has them. */
const contractValues = z.registry<Record<never, never>>();

/** Marks a schema of the contract: `camelCased` leaves its values as they are. */
export const ofContract = <Schema extends z.ZodType>(schema: Schema): Schema => {
  contractValues.add(schema, {});
  return schema;
};

/** Renames the keys of every table in a parsed value, as its schema has them. */
export function camelCased(schema: z.ZodType, value: unknown): unknown {
  const type = unwrap(schema);
  if (typeof value !== "object" || value === null || contractValues.has(type)) return value;
  if (type instanceof z.ZodArray) {
    return (value as unknown[]).map((item) => camelCased(type.def.element as z.ZodType, item));
  }
  if (type instanceof z.ZodRecord) {
    return mapEntries(value, (name, entry) => [name, camelCased(type.def.valueType as z.ZodType, entry)]);
  }
  if (!(type instanceof z.ZodObject)) return value;
  const shape = type.shape as Readonly<Record<string, z.ZodType>>;
  return mapEntries(value, (key, entry) => {
    const child = shape[key];
    return [camelCase(key), child === undefined ? entry : camelCased(child, entry)];
  });
}

const camelCase = (key: string): string => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

const mapEntries = (value: object, rename: (key: string, value: unknown) => [string, unknown]): object =>
  Object.fromEntries(Object.entries(value).map(([key, entry]) => rename(key, entry)));
