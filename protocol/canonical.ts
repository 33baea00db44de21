/**
 * A JSON value as the one text that stands for it: keys sorted, no white space. What has a `toJSON` of its own, such as a
 * secret, stands as that says.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, child: unknown) => {
    if (typeof child !== "object" || child === null || Array.isArray(child)) return child;
    return Object.fromEntries(Object.entries(child).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}
