/** The most bytes of a page. An answer may be longer, but the loop stands still while it is written. */
const pageBytesMax = 8 * 1024 * 1024;

export interface Page<T> {
  readonly rows: T[];
  /** Whether rows were left out because they did not fit. */
  readonly isCut: boolean;
}

/**
 * Takes rows from the front until a page of so many bytes is full. The first row is always taken, so that no row is left out for
 * ever.
 */
export function fitting<T>(rows: readonly T[], bytesMax = pageBytesMax): Page<T> {
  let left = bytesMax;
  const isOver = (row: T, index: number) => {
    left -= Buffer.byteLength(JSON.stringify(row)) + 1;
    return index > 0 && left < 0;
  };
  const end = rows.findIndex(isOver);
  return end === -1 ? { rows: [...rows], isCut: false } : { rows: rows.slice(0, end), isCut: true };
}
