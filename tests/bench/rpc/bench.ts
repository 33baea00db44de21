// `npm run bench -- rpc [--json] [--rounds N] [--ms N] [--peers a,b] [--loads a,b]`: the wire beside its peers, interleaved in
// one run. Each cell has a server and a client of its own, compiled as a release is. Compare ratios, not absolute figures.
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { type Figures, loads, placements } from "./loads.ts";
import { type PeerName, peerNames } from "./peers.ts";
import { medians, reportText, verdicts } from "./report.ts";
import { runCell } from "./run-cell.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    ms: { type: "string", default: "1200" },
    peers: { type: "string", default: peerNames.join(",") },
    loads: { type: "string", default: Object.keys(loads).join(",") },
  },
});

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
// The directory is in the checkout, so that the compiled programs find the packages.
const directory = path(`../../../dist/bench-${process.pid}`);
const measured = new Map<string, Map<PeerName, Figures[]>>();

mkdirSync(directory, { recursive: true });
try {
  await build({
    entryPoints: [path("server.ts"), path("client.ts")],
    outdir: directory,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    packages: "external",
    alias: packageSources(),
    logLevel: "error",
  });
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const load of flags.loads.split(",")) await runLoad(load, round % 2 === 1);
  }
} finally {
  rmSync(directory, { recursive: true });
}
const results = medians(measured);
const judged = verdicts(measured);
const machine = { node: process.version, platform: process.platform, arch: process.arch };
process.stdout.write(
  flags.json ? `${JSON.stringify({ machine, results, targets: judged }, null, 2)}\n` : reportText(results, judged),
);

/** Runs every peer once, in reverse order every second time. */
async function runLoad(load: string, isReversed: boolean): Promise<void> {
  const names = flags.peers.split(",") as PeerName[];
  for (const peer of isReversed ? names.reverse() : names) {
    process.stderr.write(`${load} ${peer}\n`);
    const figures = await runCell(
      directory,
      { peer, load, placement: placements[load] ?? "anywhere" },
      Number(flags.ms),
    );
    if (figures === undefined) continue;
    const byPeer = measured.get(load) ?? new Map<PeerName, Figures[]>();
    measured.set(load, byPeer);
    byPeer.set(peer, [...(byPeer.get(peer) ?? []), figures]);
  }
}

/** The workspaces' packages are bundled from their sources. */
function packageSources(): Record<string, string> {
  const protocol = path("../../../protocol");
  return {
    "@armorclaw/protocol/openrpc": `${protocol}/openrpc.ts`,
    "@armorclaw/protocol/errors": `${protocol}/errors/index.ts`,
    "@armorclaw/protocol/limits": `${protocol}/types/limits.ts`,
    "@armorclaw/protocol/long-json": `${protocol}/long-json.ts`,
    "@armorclaw/protocol/nearest": `${protocol}/nearest.ts`,
    "@armorclaw/protocol/pipe": `${protocol}/pipe.ts`,
    "@armorclaw/protocol/seal": `${protocol}/seal.ts`,
    "@armorclaw/protocol": `${protocol}/index.ts`,
    "@armorclaw/client-sdk": path("../../../client-sdk/index.ts"),
  };
}
