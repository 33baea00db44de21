export type SyscallTable = ReadonlyMap<string, number>;

/** `name:number` pairs between white space. */
export function parseSyscallTable(text: string): SyscallTable {
  const pairs = text.trim().split(/\s+/);
  return new Map(
    pairs.map((pair) => {
      const [name, number] = pair.split(":");
      return [name ?? "", Number(number)];
    }),
  );
}
