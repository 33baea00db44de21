// `npm run release -- VERSION`: gives the four packages one version, and dates the changelog's section. It publishes nothing:
// review the diff, commit and tag it, then run `npm publish --workspaces --include-workspace-root`.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const [version = ""] = process.argv.slice(2);
const { version: current } = JSON.parse(read("package.json")) as { version: string };

if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) {
  process.stderr.write("usage: npm run release -- VERSION, for example 0.2.0\n");
  process.exitCode = 2;
} else {
  const named = `"(version|@armorclaw/[\\w-]+)": "${current.replaceAll(".", "\\.")}"`;
  for (const folder of [".", "protocol", "client-sdk", "agent-runtime"])
    rewrite(join(folder, "package.json"), (text) => text.replaceAll(new RegExp(named, "g"), `"$1": "${version}"`));
  rewrite("package-lock.json", lockedAt);
  rewrite("agent-runtime/version.ts", (text) => text.replace(`"${current}"`, `"${version}"`));
  const today = new Date().toISOString().slice(0, 10);
  rewrite("CHANGELOG.md", (text) => text.replace("## Unreleased\n", `## Unreleased\n\n## ${version} (${today})\n`));
  process.stdout.write(`${current} → ${version}. Next: npm run generate, review, commit, tag v${version}, publish.\n`);
}

/** The lockfile has the version of each workspace, and the versions of their dependencies on each other. */
function lockedAt(text: string): string {
  const lock = JSON.parse(text) as {
    version: string;
    packages: Record<string, { version?: string; dependencies?: Record<string, string> }>;
  };
  lock.version = version;
  for (const folder of ["", "protocol", "client-sdk", "agent-runtime"]) {
    const entry = lock.packages[folder];
    if (entry === undefined) throw new Error(`package-lock.json has no entry for the package in "${folder}"`);
    entry.version = version;
    for (const name of Object.keys(entry.dependencies ?? {}))
      if (name.startsWith("@armorclaw/") && entry.dependencies !== undefined) entry.dependencies[name] = version;
  }
  return `${JSON.stringify(lock, undefined, 2)}\n`;
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

function rewrite(file: string, change: (text: string) => string): void {
  writeFileSync(join(root, file), change(read(file)));
}
