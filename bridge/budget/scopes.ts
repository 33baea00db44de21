/** The scopes that a spending counts against. A field that is left out counts nowhere. */
export interface Attribution {
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  readonly loop?: string | undefined;
  readonly agent?: string | undefined;
  readonly task?: string | undefined;
  readonly run?: string | undefined;
}

/** The fields of an attribution, in the order in which scopes are checked. */
export const attributionFields = ["provider", "model", "loop", "agent", "task", "run"] as const;
export type AttributionField = (typeof attributionFields)[number];

export const everything = "global";

/** `global` and one scope for each field, e.g. `agent:mail-1`. */
export function scopesOf(attribution: Attribution): string[] {
  const own = attributionFields.flatMap((field) => {
    const value = attribution[field];
    return value === undefined ? [] : [`${field}:${value}`];
  });
  return [everything, ...own];
}

/** The field and the value that a scope names; undefined for `global`. */
export function scopeParts(scope: string): { readonly field: AttributionField; readonly value: string } | undefined {
  const colon = scope.indexOf(":");
  const field = attributionFields.find((candidate) => candidate === scope.slice(0, Math.max(0, colon)));
  return field === undefined ? undefined : { field, value: scope.slice(colon + 1) };
}

/**
 * Which of an attribution's scopes a limit bounds: its own, or for `agent:*` the attribution's own agent, so that each
 * agent has the limit to itself.
 */
export function boundScope(limitScope: string, attribution: Attribution): string | undefined {
  if (limitScope === everything) return everything;
  const parts = scopeParts(limitScope);
  const value = parts === undefined ? undefined : attribution[parts.field];
  if (parts === undefined || value === undefined) return undefined;
  return parts.value === "*" || parts.value === value ? `${parts.field}:${value}` : undefined;
}
