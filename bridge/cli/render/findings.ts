import type { DoctorCheck } from "@armorclaw/protocol";
import type { Paint, View } from "../core/output.ts";
import { visible } from "../core/visible.ts";

const colours = { ok: "green", warning: "yellow", trouble: "red" } as const;
const statusWidth = "warning".length + 1;

/** Troubles come last, next to the prompt. */
export function renderFindings(checks: readonly DoctorCheck[], { paint }: View): string {
  const width = Math.max(...checks.map(({ name }) => name.length)) + 2;
  const of = (status: DoctorCheck["status"]) => checks.filter((check) => check.status === status);
  const sorted = [...of("ok"), ...of("warning"), ...of("trouble")];
  return [...sorted.map((check) => lineOf(check, width, paint)), "", summary(of("trouble"), of("warning"), paint)].join(
    "\n",
  );
}

function lineOf({ name, status, found, remedy }: DoctorCheck, width: number, paint: Paint): string {
  const line = `${paint(colours[status], status.padEnd(statusWidth))} ${visible(name).padEnd(width)}${visible(found)}`;
  const indent = " ".repeat(statusWidth + 1 + width);
  return remedy === null ? line : `${line}\n${indent}next: ${visible(remedy)}`;
}

function summary(troubles: readonly unknown[], warnings: readonly unknown[], paint: Paint): string {
  const count = (length: number, word: string) => `${length} ${word}${length === 1 ? "" : "s"}`;
  if (troubles.length > 0)
    return paint(colours.trouble, `${count(troubles.length, "trouble")}, ${count(warnings.length, "warning")}`);
  return paint("green", warnings.length > 0 ? `No trouble; ${count(warnings.length, "warning")}` : "No problems found");
}
