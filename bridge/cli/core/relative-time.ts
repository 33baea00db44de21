const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `5m` as the time that long ago, in RFC 3339; any other text as it is. */
export function absoluteTime(text: string, nowMs: number): string {
  const [, amount, unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return amount === undefined ? text : new Date(nowMs - Number(amount) * (unitMs[unit] ?? 0)).toISOString();
}

/** The values with those of time flags as absolute times. */
export function withAbsoluteTimes(
  values: Readonly<Record<string, unknown>>,
  flags: readonly { readonly key: string; readonly isTime?: boolean }[],
  nowMs: number,
): Record<string, unknown> {
  const times = new Set(flags.flatMap(({ key, isTime }) => (isTime === true ? [key] : [])));
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      times.has(key) && typeof value === "string" ? absoluteTime(value, nowMs) : value,
    ]),
  );
}
