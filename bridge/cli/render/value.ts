import type { View } from "../core/output.ts";
import { visible } from "../core/visible.ts";
import { renderTable } from "./table.ts";

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Renders any JSON value: `key: value` lines, a table for a list of objects, one line for a list of scalars. */
export function renderValue(value: unknown, view: View): string {
  if (Array.isArray(value)) return renderList(value, view);
  if (!isRecord(value)) return scalar(value);
  const lines = Object.entries(value).map(([key, child]) => {
    const isNested = isRecord(child) ? Object.keys(child).length > 0 : Array.isArray(child) && child.some(isRecord);
    return isNested
      ? `${visible(key)}:\n${indent(renderValue(child, view))}`
      : `${visible(key)}: ${renderValue(child, view)}`;
  });
  return lines.length === 0 ? "none" : lines.join("\n");
}

function renderList(items: readonly unknown[], view: View): string {
  if (items.length === 0) return "none";
  const records = items.filter(isRecord);
  if (records.length < items.length) return items.map(scalar).join(", ");
  const keys = [...new Set(records.flatMap(Object.keys))];
  const columns = keys.map((key, index) => ({
    title: visible(key.toUpperCase()),
    ...(index === 0 ? {} : { dropOrder: index }),
  }));
  return renderTable(
    columns,
    records.map((record) => keys.map((key) => cell(record[key]))),
    view,
  );
}

/** The cell is not escaped here, because `renderTable` escapes its cells. */
const cell = (value: unknown): string =>
  value === null || value === undefined ? "-" : typeof value === "object" ? JSON.stringify(value) : String(value);

const scalar = (value: unknown): string => visible(cell(value));

const indent = (text: string): string => text.replaceAll(/^/gm, "  ");
