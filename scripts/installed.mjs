// Installs the packages when a clone has none yet. Plain JavaScript without imports from them, so that any Node can run it.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
if (!existsSync(`${root}node_modules/.package-lock.json`)) {
  process.stderr.write("The packages are not installed yet: running `npm ci`\n");
  const { status } = spawnSync("npm", ["ci"], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  process.exitCode = status ?? 1;
}
