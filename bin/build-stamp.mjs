// Tells whether dist/program was built from the sources as they are now.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Size and time of each file. Reading what is in them would take longer than what the built program saves. */
export function stampOf(root, files) {
  return Object.fromEntries(
    files.map((file) => {
      const { size, mtimeMs } = statSync(join(root, file));
      return [file, [size, mtimeMs]];
    }),
  );
}

/** Whether every file that the program was built from is as it was then. */
export function isCurrent(root) {
  try {
    const built = JSON.parse(readFileSync(join(root, "dist/program/stamp.json"), "utf8"));
    return JSON.stringify(stampOf(root, Object.keys(built))) === JSON.stringify(built);
  } catch {
    return false;
  }
}
