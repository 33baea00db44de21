import type { View } from "../core/output.ts";
import { visible } from "../core/visible.ts";

export interface Column {
  readonly title: string;
  /** On a narrow terminal the column with the highest number is dropped first. A column without a number is always shown. */
  readonly dropOrder?: number;
}

const gap = "  ";

/** Renders rows under their titles, in columns as wide as their longest cell. Control characters in cells are escaped here. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[], view: View): string {
  const cells = rows.map((row) => row.map(visible));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => (row[index] ?? "").length)),
  );
  const kept = fitting(columns, widths, view.columns);
  const line = (row: readonly string[]) =>
    kept
      .map((index) => (row[index] ?? "").padEnd(widths[index] ?? 0))
      .join(gap)
      .trimEnd();
  return [view.paint("bold", line(columns.map(({ title }) => title))), ...cells.map(line)].join("\n");
}

function fitting(columns: readonly Column[], widths: readonly number[], available: number | undefined): number[] {
  let kept = columns.map((_, index) => index);
  const total = () => kept.reduce((sum, index) => sum + (widths[index] ?? 0) + gap.length, -gap.length);
  while (available !== undefined && total() > available) {
    const orders = kept.map((index) => columns[index]?.dropOrder ?? 0);
    const highest = Math.max(...orders);
    if (highest === 0) break;
    kept = kept.filter((index) => columns[index]?.dropOrder !== highest);
  }
  return kept;
}
