import * as z from "zod";
import { code, markdownTable } from "./markdown.ts";

interface JsonSchema {
  readonly [key: string]: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly items?: JsonSchema;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

export const jsonSchemaOf = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;

/** An object's fields as a table; `None.` when it has none. */
export function fieldsTable(schema: z.ZodType): string {
  const root = jsonSchemaOf(schema);
  const rows = Object.entries(root.properties ?? {}).map(([name, field]) => [
    code(name),
    typeText(field),
    root.required?.includes(name) === true
      ? "required"
      : field["default"] === undefined
        ? "optional"
        : `default ${code(JSON.stringify(field["default"]))}`,
    describedBy(field, root),
  ]);
  return rows.length === 0 ? "None." : markdownTable(["Field", "Type", "", "Meaning"], rows);
}

function describedBy(field: JsonSchema, root: JsonSchema): string {
  const named = field.$ref === undefined ? undefined : root.$defs?.[field.$ref.replace("#/$defs/", "")];
  return field.description ?? named?.description ?? "";
}

/** A JSON Schema's type in few words, with its bounds. */
export function typeText(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return schema.$ref.replace("#/$defs/", "");
  const { type, items } = schema;
  if (Array.isArray(schema["enum"])) return schema["enum"].map((value) => code(JSON.stringify(value))).join(", ");
  if (schema["const"] !== undefined) return code(JSON.stringify(schema["const"]));
  if (Array.isArray(schema["anyOf"])) return schema["anyOf"].map((part) => typeText(part as JsonSchema)).join(" or ");
  if (type === "array") return items === undefined ? "array" : `array of ${typeText(items)}`;
  return `${Array.isArray(type) ? type.join(" or ") : String(type ?? "any")}${bounds(schema)}`;
}

function bounds(schema: JsonSchema): string {
  const { minimum, maximum } = schema;
  const low = typeof minimum === "number" && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const high = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}`;
  if (low !== undefined) return `, at least ${low}`;
  return high === undefined ? "" : `, at most ${high}`;
}
