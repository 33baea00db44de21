import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";

/** Errors of errors: no deeper ones are looked at. */
const causesMax = 8;

/** Whether an error, or what caused it, is that no file descriptor was left: of this process (EMFILE) or of the machine (ENFILE). */
export function isOutOfDescriptors(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > causesMax) return false;
  const { code, cause, errcode } = error as Error & { readonly code?: unknown; readonly errcode?: unknown };
  if (code === "EMFILE" || code === "ENFILE") return true;
  if (code === "ERR_SQLITE_ERROR" && errcode === sqliteCannotOpen) return !canOpen();
  const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [cause];
  return causes.some((one) => isOutOfDescriptors(one, depth + 1));
}

/** SQLite does not say why it could not open a file. */
const sqliteCannotOpen = 14;

function canOpen(): boolean {
  try {
    closeSync(openSync("/dev/null", "r"));
    return true;
  } catch {
    return false;
  }
}

/** The most files that this process may have open; undefined where the system does not say. Node raises it as far as it may at its start. */
export function descriptorLimit(): number | undefined {
  try {
    const found = /^Max open files\s{1,40}(\d{1,20})/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}

/** How many files this process has open; undefined where the system does not say. @throws EMFILE when none is left to look with */
export function descriptorsInUse(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch (error) {
    if (isOutOfDescriptors(error)) throw error;
    return undefined;
  }
}
