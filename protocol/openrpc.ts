import * as z from "zod";
import { methods } from "./contract.ts";
import { errorCatalogue } from "./errors/index.ts";
import type { AnyMethod } from "./types/define.ts";

interface JsonSchema {
  [key: string]: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  $defs?: Record<string, JsonSchema>;
}

export interface OpenRpcDocument {
  readonly openrpc: string;
  readonly info: { readonly title: string; readonly version: string; readonly license: { readonly name: string } };
  readonly methods: readonly Record<string, unknown>[];
  readonly components: { readonly schemas: Record<string, JsonSchema> };
}

/** Returns a contract as an OpenRPC 1.3 document. Properties that OpenRPC does not define have `x-` keys. */
export function openRpcDocument(version: string, contract: Record<string, AnyMethod> = methods): OpenRpcDocument {
  const schemas: Record<string, JsonSchema> = {};
  const lift = (schema: z.ZodType): JsonSchema => {
    // `input` for results too: the output mode closes objects, which would tell clients to reject fields added later.
    const {
      $schema: _,
      $defs = {},
      ...rest
    } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
    for (const [name, definition] of Object.entries($defs)) schemas[name] ??= toComponents(definition);
    return toComponents(rest);
  };
  const described = Object.entries(contract).map(([name, method]) => describe(name, method, lift));
  return {
    openrpc: "1.3.2",
    info: { title: "ArmorClaw bridge", version, license: { name: "MIT" } },
    methods: described,
    components: { schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))) },
  };
}

function describe(name: string, method: AnyMethod, lift: (schema: z.ZodType) => JsonSchema): Record<string, unknown> {
  const params = lift(method.params);
  return {
    name,
    summary: method.summary,
    ...(method.description === undefined ? {} : { description: method.description }),
    paramStructure: "by-name",
    params: Object.entries(params.properties ?? {}).map(([key, schema]) => ({
      name: key,
      required: params.required?.includes(key) ?? false,
      schema,
    })),
    result: { name: "result", schema: lift(method.result) },
    errors: method.errors.map((code) => ({
      code: errorCatalogue[code].rpcCode,
      message: errorCatalogue[code].summary,
      data: { code },
    })),
    examples: [
      {
        name: "example",
        params: Object.entries(method.example.params as object).map(([key, value]) => ({ name: key, value })),
        result: { name: "result", value: method.example.result },
      },
    ],
    "x-roles": method.roles,
    "x-effect": method.effect,
    ...(method.aliases === undefined ? {} : { "x-aliases": method.aliases }),
    ...(method.stream === undefined ? {} : { "x-stream-item": lift(method.stream) }),
  };
}

/** `#/$defs/Name` → `#/components/schemas/Name`, throughout. */
function toComponents(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonSchema;
}
