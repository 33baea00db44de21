import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Reads the version from the nearest package.json of the program above this file, in the sources and in `dist/`. */
export function programVersion(): string {
  for (let directory = dirname(fileURLToPath(import.meta.url)); ; directory = dirname(directory)) {
    const manifest = readManifest(join(directory, "package.json"));
    if (manifest?.name === "armorclaw") return manifest.version;
    if (directory === dirname(directory)) throw new Error("The program's package.json is missing");
  }
}

function readManifest(file: string): { readonly name: string; readonly version: string } | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
