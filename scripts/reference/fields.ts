import * as z from "zod";
import { code, markdownTable } from "./markdown.ts";

/** The part of JSON Schema that zod writes and the pages show. */
export interface JsonSchema {
  readonly [key: string]: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

export interface FieldRow {
  /** From the schema's root: `to[].lane`, `providers.<name>.kind`. */
  readonly path: string;
  readonly type: string;
  /** `required`, `optional` or the default. */
  readonly presence: string;
  readonly meaning: string;
}

export const jsonSchemaOf = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;

/** Returns a table of a schema's fields and types; `None.` when there are none. */
export function fieldsTable(schema: z.ZodType): string {
  const root = jsonSchemaOf(schema);
  return tableOf(root, root);
}

/** Returns the table of a part of `root`. */
export function tableOf(schema: JsonSchema, root: JsonSchema): string {
  const target = resolved(schema, root);
  if (target["type"] === "array")
    return `A list of ${typeText(target.items ?? {})}.\n\n${tableOf(target.items ?? {}, root)}`;
  const rows = fieldRows(target, root);
  if (rows.length > 0)
    return markdownTable(
      ["Field", "Type", "", "Meaning"],
      rows.map(({ path, type, presence, meaning }) => [code(path), type, presence, meaning]),
    );
  return target["type"] === "object" ? "None." : `${typeText(target)}.`;
}

/** Returns the fields of an object, of a union's objects and of a record's values, with the fields of unnamed types inside them. */
export function fieldRows(schema: JsonSchema, root: JsonSchema, prefix = ""): FieldRow[] {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined)
    return merged(
      alternatives.map((part) => (isNamed(part) && prefix !== "" ? [] : fieldRows(resolved(part, root), root, prefix))),
    );
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const isRequired = schema.required?.includes(name) === true;
    return rowsOf(`${prefix}${name}`, field, presenceOf(field, isRequired), root);
  });
  const { additionalProperties: values } = schema;
  if (typeof values !== "object" || Object.keys(values).length === 0) return own;
  return [...own, ...rowsOf(`${prefix}<name>`, values, "", root)];
}

function rowsOf(path: string, field: JsonSchema, presence: string, root: JsonSchema): FieldRow[] {
  const row = { path, type: typeText(field), presence, meaning: meaningOf(field, root) };
  return [row, ...innerRows(path, field, root)];
}

/** Returns the fields inside a field. Fields of a named type are not repeated: the type's name links to them. */
export function innerRows(path: string, field: JsonSchema, root: JsonSchema): FieldRow[] {
  if (isNamed(field)) return [];
  if (field.items !== undefined) return innerRows(`${path}[]`, field.items, root);
  const { additionalProperties: values } = field;
  if (field.properties === undefined && typeof values === "object") return innerRows(`${path}.<name>`, values, root);
  return fieldRows(field, root, `${path}.`);
}

/** Merges fields of the same name in a union's alternatives into one row. A field that only some alternatives have is optional. */
function merged(alternatives: readonly FieldRow[][]): FieldRow[] {
  const withFields = alternatives.filter((rows) => rows.length > 0);
  const byPath = Map.groupBy(withFields.flat(), ({ path }) => path);
  return [...byPath.values()].map((rows) => {
    const types = [...new Set(rows.map(({ type }) => type))];
    const [presence = ""] = rows.map((row) => row.presence);
    const isInAll = rows.length === alternatives.length;
    return {
      path: rows[0]?.path ?? "",
      type: types.join(" or "),
      presence: presence === "required" && !isInAll ? "optional" : presence,
      meaning: rows.find(({ meaning }) => meaning !== "")?.meaning ?? "",
    };
  });
}

function presenceOf(field: JsonSchema, isRequired: boolean): string {
  if (isRequired) return "required";
  return field["default"] === undefined ? "optional" : `default ${code(JSON.stringify(field["default"]))}`;
}

function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  return schema.$ref === undefined ? schema : (root.$defs?.[nameOf(schema.$ref)] ?? schema);
}

const meaningOf = (field: JsonSchema, root: JsonSchema): string =>
  field.description ?? resolved(field.items ?? field, root).description ?? "";

const nameOf = (ref: string): string => ref.replace("#/$defs/", "");
/** zod names recursive schemas itself. */
const isGenerated = (name: string): boolean => name.startsWith("__schema");
const isNamed = ({ $ref }: JsonSchema): boolean => $ref !== undefined;

/** Describes a type in a few words, with its bounds. A named type links to the page of types. */
export function typeText(schema: JsonSchema): string {
  if (schema.$ref !== undefined) {
    const name = nameOf(schema.$ref);
    return isGenerated(name) ? "any JSON value" : `[${name}](types.md#${name.toLowerCase()})`;
  }
  const { type, items, additionalProperties: values } = schema;
  if (Array.isArray(schema["enum"])) return schema["enum"].map((value) => code(JSON.stringify(value))).join(", ");
  if (schema["const"] !== undefined) return code(JSON.stringify(schema["const"]));
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return [...new Set(alternatives.map(typeText))].join(" or ");
  if (type === "array") return items === undefined ? "array" : `array of ${typeText(items)}`;
  if (type === "object" && schema.properties === undefined && typeof values === "object")
    return `object: name → ${Object.keys(values).length === 0 ? "any JSON value" : typeText(values)}`;
  return `${Array.isArray(type) ? type.join(" or ") : String(type ?? "any JSON value")}${boundsOf(schema)}`;
}

function boundsOf({ minimum, maximum }: JsonSchema): string {
  const low = typeof minimum === "number" && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const high = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}`;
  if (low !== undefined) return `, at least ${low}`;
  return high === undefined ? "" : `, at most ${high}`;
}

/** Returns the named types that these schemas use, in the order of their names. */
export function namedTypes(
  schemas: readonly z.ZodType[],
): ReadonlyMap<string, { schema: JsonSchema; root: JsonSchema }> {
  const found = new Map<string, { schema: JsonSchema; root: JsonSchema }>();
  for (const root of schemas.map(jsonSchemaOf))
    for (const [name, schema] of Object.entries(root.$defs ?? {}))
      if (!isGenerated(name)) found.set(name, { schema, root });
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}
