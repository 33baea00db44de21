import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** A directory tree that a script creates from packages, and that is kept between runs. */
export interface CachedTree {
  readonly name: string;
  /** Paths of the files that create the tree, relative to this one, the script first. A changed recipe gets a new directory. */
  readonly recipe: readonly [script: string, ...string[]];
  /** The script's arguments after the directory. */
  readonly arguments?: readonly string[];
  readonly usedBy: string;
}

export function directoryOf({ name, recipe, arguments: rest = [] }: CachedTree): string {
  const hash = createHash("sha256");
  for (const part of recipe) hash.update(readFileSync(new URL(part, import.meta.url)));
  for (const argument of rest) hash.update(argument);
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(cache, "armorclaw-test", `${name}-${hash.digest("hex").slice(0, 12)}`);
}

/**
 * Creates the tree when it does not exist, and announces each step.
 * @returns the reason, when the tree cannot be created
 */
export async function provideTree(
  tree: CachedTree,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<string | undefined> {
  const { name, recipe, usedBy } = tree;
  const directory = directoryOf(tree);
  if (existsSync(directory)) return undefined;
  if (env["ARMORCLAW_TEST_PROVISION"] === "0")
    return `no ${name}, and ARMORCLAW_TEST_PROVISION=0: ${usedBy} cannot run`;
  await mkdir(join(directory, ".."), { recursive: true });
  say(`making ${name} from packages, kept for the next run in ${directory}`);
  const script = new URL(recipe[0], import.meta.url).pathname;
  const fresh = `${directory}.${process.pid}`;
  const child = spawn("sh", [script, fresh, ...(tree.arguments ?? [])], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 600_000,
  });
  const lines: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    for (const line of text.split("\n").filter((part) => part !== "")) {
      lines.push(line);
      say(`${name}: ${line}`);
    }
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) return `${name} could not be had (${lines.at(-1) ?? "no reason given"}): ${usedBy} cannot run`;
  // Another run may have been faster; its tree is equal.
  await rename(fresh, directory).catch(() => execFileSync("rm", ["-rf", fresh]));
  return undefined;
}
