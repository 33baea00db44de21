import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** A program that tests use, and the Debian packages that contain it. */
interface Part {
  readonly program: string;
  readonly packages: readonly string[];
  readonly usedBy: string;
}

const parts: readonly Part[] = [
  { program: "bwrap", packages: ["bubblewrap"], usedBy: "the sandbox engine's tests" },
  { program: "dockerd", packages: ["docker.io", "iptables"], usedBy: "the docker engine's tests" },
  { program: "mkfs.ext4", packages: ["e2fsprogs"], usedBy: "the tests of workspaces" },
  { program: "socat", packages: ["socat"], usedBy: "the tests of classic clients" },
  { program: "curl", packages: ["curl"], usedBy: "the tests of HTTP on the Unix socket" },
  { program: "python3", packages: ["python3"], usedBy: "the Python client's tests" },
  { program: "chromium", packages: ["chromium"], usedBy: "the tests of a page over WebSocket" },
  { program: "chromium", packages: ["chromium"], usedBy: "the tests that call from a browser" },
  { program: "firefox-esr", packages: ["firefox-esr"], usedBy: "the tests that call from Firefox" },
  { program: "turnserver", packages: ["coturn"], usedBy: "the tests of calls over a relay" },
  { program: "systemd-analyze", packages: ["systemd"], usedBy: "the test of the systemd unit" },
  { program: "espeak-ng", packages: ["espeak-ng"], usedBy: "the tests of spoken calls" },
  {
    program: "pocketsphinx_continuous",
    packages: ["pocketsphinx", "pocketsphinx-en-us"],
    usedBy: "the tests of spoken calls",
  },
];

const has = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

/**
 * Installs the programs that the tests need, as root on Debian, unless ARMORCLAW_TEST_PROVISION=0. Announces each step.
 * @param wanted the programs; the default is all
 * @returns one line for each program that could not be installed
 */
export function provision(
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
  wanted: readonly string[] = parts.map(({ program }) => program),
): string[] {
  const missing = parts.filter(({ program }) => wanted.includes(program) && !has(program));
  if (missing.length === 0) return [];
  const obstacle = whyNot(env);
  if (obstacle === undefined) {
    const packages = missing.flatMap((part) => part.packages);
    try {
      install(packages, env, say);
    } catch (error) {
      say(`apt-get failed: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
    }
  }
  return missing
    .filter(({ program }) => !has(program))
    .map(({ program, usedBy }) => `no ${program} (${obstacle ?? "the installation failed"}): ${usedBy} cannot run`);
}

function whyNot(env: NodeJS.ProcessEnv): string | undefined {
  if (env["ARMORCLAW_TEST_PROVISION"] === "0") return "ARMORCLAW_TEST_PROVISION=0";
  if (process.getuid?.() !== 0) return "installing it needs root";
  if (!existsSync("/usr/bin/apt-get")) return "installing it needs apt-get";
  return undefined;
}

function install(packages: readonly string[], env: NodeJS.ProcessEnv, say: (line: string) => void): void {
  const options = {
    env: { ...env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "ignore", "inherit"] as const,
    timeout: 600_000,
  };
  say("apt-get update");
  execFileSync("apt-get", ["update", "-qq"], { ...options, stdio: [...options.stdio] });
  say(`apt-get install ${packages.join(" ")}`);
  const flags = ["install", "-qq", "-y", "--no-install-recommends"];
  execFileSync("apt-get", [...flags, ...packages], { ...options, stdio: [...options.stdio] });
}
