import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a directory and those above it that are missing, each with `mode` whatever the umask. One that is there stays as it is.
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
    // Once: a second ENOENT is the kernel's last word.
    mkdirSync(path, { mode });
  }
}
