import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a directory and its missing parents, each with `mode` whatever the umask. An existing directory stays as it is.
 * Node's own recursive mkdir does not return where the kernel answers ENOENT for a directory that cannot be, as in /proc.
 */
export function makeDirectory(path: string, mode: number): void {
  const umask = process.umask(0);
  try {
    make(path, mode);
  } finally {
    process.umask(umask);
  }
}

function make(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    const parent = dirname(path);
    if (code !== "ENOENT" || parent === path) throw error;
    make(parent, mode);
    // This is tried once: a second ENOENT is final.
    mkdirSync(path, { mode });
  }
}
