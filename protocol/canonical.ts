/**
 * Returns the canonical text of a JSON value, with sorted keys and without white space. An object with `toJSON`, such as a
 * secret, is written as that method returns it.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, child: unknown) => {
    if (typeof child !== "object" || child === null || Array.isArray(child)) return child;
    return Object.fromEntries(Object.entries(child).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}
