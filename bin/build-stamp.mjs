// Checks whether dist/program was built from the current sources.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** The size and time of each file. Reading the contents would take longer than the built program saves. */
export function stampOf(root, files) {
  return Object.fromEntries(
    files.map((file) => {
      const { size, mtimeMs } = statSync(join(root, file));
      return [file, [size, mtimeMs]];
    }),
  );
}

/** Returns whether every file that the program was built from is unchanged. */
export function isCurrent(root) {
  try {
    const built = JSON.parse(readFileSync(join(root, "dist/program/stamp.json"), "utf8"));
    return JSON.stringify(stampOf(root, Object.keys(built))) === JSON.stringify(built);
  } catch {
    return false;
  }
}
