const head = /^\{"jsonrpc":"2\.0","method":"rpc\.stream","params":\{"id":(\d{1,15}),"seq":\d+,"item":"/;
const tail = '"}}';

/**
 * The item of an `rpc.stream` line as the bridge writes it, where the item is a text in which nothing is escaped: the bytes of
 * a file, as base64. Such a text stands in the line as it is, so that `JSON.parse` need not go through each character of it.
 * @returns undefined for every other line
 */
export function plainItem(line: string): { readonly id: number; readonly item: string } | undefined {
  const start = head.exec(line);
  if (start === null || !line.endsWith(tail) || line.includes("\\")) return undefined;
  const item = line.slice(start[0].length, -tail.length);
  return item.includes('"') ? undefined : { id: Number(start[1]), item };
}
