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
  // The version of Windows Node is that of this Node.
  arguments: [process.versions.node],
  usedBy: "the tests on Windows",
};

/** Whether Wine and Windows Node are installed; tests that need them check this before they register. */
export const wineIsThere = (): boolean => existsSync(directoryOf(tree));

/** Installs Wine and Windows Node. The first time takes half a minute to a minute, 156 MB of downloads and 0.9 GB of disk. */
export const provideWine = (env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<string | undefined> =>
  provideTree(tree, env, say);

/** The outcome of one test on Windows. */
export interface WindowsOutcome {
  readonly name: string;
  readonly ok: boolean;
  readonly why?: string;
}

const suiteDeadlineMs = 240_000;

/**
 * Runs `tests/windows/suite.ts` with Windows Node under Wine.
 * @param say receives the suite's output
 * @returns the outcome of each test
 * @throws when the suite did not run to its end
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
  // Under Wine neither a pipe nor a socket of Linux can be Node's standard output.
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
    // Wine reports missing fonts in these lines; the tests need no fonts.
    const aboutFonts = /FreeType|TrueType fonts|^or equal to 2\.0\.5|freetype\.org/;
    for (const line of readFileSync(output, "utf8").split(/\r?\n/))
      if (line.trim() !== "" && !aboutFonts.test(line)) say(line);
  }
  const outcomes = join(prefix, "outcomes.json");
  if (!existsSync(outcomes)) throw new Error("The suite ended and told no outcomes");
  return JSON.parse(readFileSync(outcomes, "utf8")) as WindowsOutcome[];
}

/** Bundles each program with its chunks: Wine shows Node no symbolic links, so Node does not find the workspaces' packages. */
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

/** All packages except the workspaces' own. */
const outside = ({ path, kind }: { readonly path: string; readonly kind: string }) =>
  kind === "entry-point" || path.startsWith("@armorclaw/") ? undefined : { path, external: true };

/** bwrap's arguments: Wine's own root file system, the repository read-only, and no network. */
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
