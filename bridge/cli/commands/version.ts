import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitCodes } from "../core/exit-codes.ts";
import type { Runner } from "../core/invocation.ts";

/** `armorclaw version`. */
export const run: Runner = async ({ out }) => {
  const version = programVersion();
  if (out.isJson) out.json({ version, node: process.versions.node, platform: process.platform, arch: process.arch });
  else out.text(`armorclaw ${version} (Node ${process.versions.node}, ${process.platform} ${process.arch})`);
  return exitCodes.ok;
};

/** From the nearest package.json above this file that is the program's, both in source and in `dist/`. */
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
