import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { repositoryRoot } from "../daemon.ts";
import { tempDirectory } from "../temp.ts";
import { type CachedTree, directoryOf, provideTree } from "./cached-tree.ts";

const tree: CachedTree = {
  name: "wine",
  recipe: ["wine-root.sh", "debian-packages.sh"],
  // Windows Node as new as the Node that everything else runs on.
  arguments: [process.versions.node],
  usedBy: "the tests on Windows",
};

/** Whether Wine and Windows Node are there; tests that need them ask before they register. */
export const wineIsThere = (): boolean => existsSync(directoryOf(tree));

/** Gets Wine and Windows Node: half a minute to a minute, 156 MB to fetch and 0.9 GB of disk the first time, nothing after that. */
export const provideWine = (env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<string | undefined> =>
  provideTree(tree, env, say);

/** What one test on Windows came to. */
export interface WindowsOutcome {
  readonly name: string;
  readonly ok: boolean;
  readonly why?: string;
}

const suiteDeadlineMs = 240_000;

/**
 * Runs `tests/windows/suite.ts` with Windows Node under Wine.
 * @param say takes what the suite prints
 * @returns what each of its tests came to
 * @throws when it did not run to its end
 */
export async function runOnWindows(say: (line: string) => void): Promise<readonly WindowsOutcome[]> {
  using temp = tempDirectory();
  const programs = join(temp.path, "programs");
  const prefix = join(temp.path, "prefix");
  await bundle(programs);
  cpSync(join(directoryOf(tree), "wine/prefix"), prefix, { recursive: true, verbatimSymlinks: true });
  // The programs' packages are found above them.
  mkdirSync(join(repositoryRoot, "dist/windows"), { recursive: true });
  const suite = ["Z:\\repo\\dist\\windows\\suite.mjs", "Z:\\prefix\\outcomes.json"];
  const output = join(temp.path, "output.txt");
  // Wine knows neither a pipe nor a socket of Linux as Node's standard output.
  const outputFd = openSync(output, "w");
  const child = spawn("bwrap", wine(programs, prefix, suite), {
    stdio: ["ignore", outputFd, outputFd],
    signal: AbortSignal.timeout(suiteDeadlineMs),
    killSignal: "SIGKILL",
  });
  closeSync(outputFd);
  try {
    await once(child, "close");
  } finally {
    // Wine finds no fonts, which nothing here draws with, and says so in these.
    const aboutFonts = /FreeType|TrueType fonts|^or equal to 2\.0\.5|freetype\.org/;
    for (const line of readFileSync(output, "utf8").split(/\r?\n/))
      if (line.trim() !== "" && !aboutFonts.test(line)) say(line);
  }
  const outcomes = join(prefix, "outcomes.json");
  if (!existsSync(outcomes)) throw new Error("The suite ended and told no outcomes");
  return JSON.parse(readFileSync(outcomes, "utf8")) as WindowsOutcome[];
}

/** As one file each with its chunks: Wine shows Node no symbolic links, so the workspaces' packages are not found where they are. */
async function bundle(directory: string): Promise<void> {
  await build({
    entryPoints: {
      suite: join(repositoryRoot, "tests/windows/suite.ts"),
      "fixture-server": join(repositoryRoot, "tests/support/wire/fixture-server.ts"),
      armorclaw: join(repositoryRoot, "tests/windows/armorclaw.ts"),
    },
    outdir: directory,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
    conditions: ["armorclaw-source"],
    plugins: [
      { name: "installed packages stay outside", setup: (setup) => setup.onResolve({ filter: /^[^./]/ }, outside) },
    ],
  });
}

/** Everything but the workspaces' own packages. */
const outside = ({ path, kind }: { readonly path: string; readonly kind: string }) =>
  kind === "entry-point" || path.startsWith("@armorclaw/") ? undefined : { path, external: true };

/** bwrap's arguments: Wine in the root that it came with, the repository read-only, and nothing of this machine's network. */
function wine(programs: string, prefix: string, args: readonly string[]): string[] {
  const variables = {
    PATH: "/usr/bin",
    HOME: "/root",
    LC_ALL: "C.UTF-8",
    WINEPREFIX: "/prefix",
    WINEARCH: "win64",
    WINEDEBUG: "-all",
    WINESERVER: "/usr/lib/wine/wineserver64",
    WINEDLLOVERRIDES: "mscoree,mshtml=;winemenubuilder.exe=",
    NODE_SKIP_PLATFORM_CHECK: "1",
  };
  return [
    "--ro-bind",
    directoryOf(tree),
    "/",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--tmpfs",
    "/tmp",
    "--bind",
    prefix,
    "/prefix",
    "--ro-bind",
    repositoryRoot,
    "/repo",
    "--ro-bind",
    programs,
    "/repo/dist/windows",
    "--unshare-pid",
    "--unshare-net",
    "--die-with-parent",
    "--clearenv",
    ...Object.entries(variables).flatMap(([name, value]) => ["--setenv", name, value]),
    "--chdir",
    "/prefix",
    "/usr/lib/wine/wine64",
    "/node/node.exe",
    ...args,
  ];
}
