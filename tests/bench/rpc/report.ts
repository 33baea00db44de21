import type { Figures } from "./loads.ts";
import { type PeerName, peerNames } from "./peers.ts";

/** Load → peer → figures, one for each round. */
export type Rounds = ReadonlyMap<string, ReadonlyMap<PeerName, readonly Figures[]>>;
/** Medians over the rounds: load → peer → figures. */
export type Results = Readonly<Record<string, Partial<Record<PeerName, Figures>>>>;

export interface Verdict {
  readonly figure: string;
  readonly measured: number;
  readonly target: number;
  readonly direction: "at least" | "at most";
  readonly reached: boolean;
}

interface Target {
  readonly figure: string;
  readonly load: string;
  readonly key: string;
  /** The peer of the figure, when it is not `armorclaw`. */
  readonly of?: PeerName;
  /** The peer of the divisor; absent when the figure itself is the result. */
  readonly by?: PeerName;
  /** The load of the divisor, when it differs. */
  readonly byLoad?: string;
  readonly direction: Verdict["direction"];
  readonly target: number;
}

const mebibyte = 1024 * 1024;

const targets: readonly Target[] = [
  {
    figure: "sequential p50 / raw",
    load: "sequential",
    key: "p50_us",
    by: "raw-json",
    direction: "at most",
    target: 1.25,
  },
  {
    figure: "sequential p99 / raw",
    load: "sequential",
    key: "p99_us",
    by: "raw-json",
    direction: "at most",
    target: 1.25,
  },
  {
    figure: "sequential p50 / raw, 2 cores",
    load: "sequential_2_cores",
    key: "p50_us",
    by: "raw-json",
    direction: "at most",
    target: 1.25,
  },
  {
    figure: "64 pipelined / raw",
    load: "pipelined_64",
    key: "per_s",
    by: "raw-json",
    direction: "at least",
    target: 1,
  },
  {
    figure: "64 pipelined / json-rpc-2.0",
    load: "pipelined_64",
    key: "per_s",
    by: "json-rpc-2.0",
    direction: "at least",
    target: 2,
  },
  {
    figure: "64 pipelined / vscode-jsonrpc",
    load: "pipelined_64",
    key: "per_s",
    by: "vscode-jsonrpc",
    direction: "at least",
    target: 5,
  },
  { figure: "32 clients / raw", load: "clients_32", key: "per_s", by: "raw-json", direction: "at least", target: 1 },
  { figure: "fan-out / raw", load: "fan_out_100", key: "per_s", by: "raw-json", direction: "at least", target: 1.4 },
  {
    figure: "fan-out server CPU / raw",
    load: "fan_out_100",
    key: "server_cpu_us",
    by: "raw-json",
    direction: "at most",
    target: 0.35,
  },
  {
    figure: "1 MiB payload / raw",
    load: "payload_1_mib",
    key: "mib_per_s",
    by: "raw-json",
    direction: "at least",
    target: 1.8,
  },
  {
    figure: "1 MiB payload / vscode-jsonrpc",
    load: "payload_1_mib",
    key: "mib_per_s",
    by: "vscode-jsonrpc",
    direction: "at least",
    target: 1.1,
  },
  {
    figure: "100 MiB stream / raw payloads",
    load: "stream_100_mib",
    key: "mib_per_s",
    of: "armorclaw-sdk",
    by: "raw-json",
    byLoad: "payload_1_mib",
    direction: "at least",
    target: 5,
  },
  {
    figure: "server growth in a stream, MiB",
    load: "stream_100_mib",
    key: "server_growth_bytes",
    of: "armorclaw-sdk",
    direction: "at most",
    target: 64,
  },
  {
    figure: "idle event push p50 / raw",
    load: "idle_push",
    key: "p50_us",
    by: "raw-json",
    direction: "at most",
    target: 1.25,
  },
  { figure: "idle event push p99, ms", load: "idle_push", key: "p99_us", direction: "at most", target: 5 },
  {
    figure: "RSS at 64 pipelined, MiB",
    load: "pipelined_64",
    key: "server_rss_bytes",
    direction: "at most",
    target: 90,
  },
];

const scaleOf = (key: string): number => (key.endsWith("_bytes") ? mebibyte : 1000);

export function medians(rounds: Rounds): Results {
  return Object.fromEntries(
    [...rounds].map(([load, byPeer]) => [
      load,
      Object.fromEntries([...byPeer].map(([peer, figures]) => [peer, medianFigures(figures)])),
    ]),
  );
}

function medianFigures(rounds: readonly Figures[]): Figures {
  return Object.fromEntries(
    Object.keys(rounds[0] ?? {}).map((key) => [key, median(rounds.map((figures) => figures[key] ?? Number.NaN))]),
  );
}

/**
 * Compares the measured figures with the targets by the median of the rounds' ratios, because other work on the machine
 * during a round affects both sides of its ratio.
 */
export function verdicts(rounds: Rounds): Verdict[] {
  return targets.flatMap(({ figure, load, key, of = "armorclaw", by, byLoad = load, direction, target }) => {
    const ours = rounds.get(load)?.get(of);
    const divisors = by === undefined ? undefined : rounds.get(byLoad)?.get(by);
    if (ours === undefined || (by !== undefined && divisors === undefined)) return [];
    const ratio = (figures: Figures, round: number) =>
      (figures[key] ?? Number.NaN) / (divisors === undefined ? scaleOf(key) : (divisors[round]?.[key] ?? Number.NaN));
    const measured = median(ours.map(ratio));
    const reached = direction === "at most" ? measured <= target : measured >= target;
    return [{ figure, measured, target, direction, reached }];
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

const shown = (key: string, value: number): string => {
  if (key.endsWith("_bytes")) return `${(value / mebibyte).toFixed(0)} MiB`;
  return value >= 1000 ? `${(value / 1000).toFixed(1)}k` : value.toFixed(value >= 100 ? 0 : 2);
};

/** Writes the results as text for people. */
export function reportText(results: Results, judged: readonly Verdict[]): string {
  const lines: string[] = [];
  for (const [load, byPeer] of Object.entries(results)) {
    lines.push("", load);
    for (const peer of peerNames) {
      const figures = Object.entries(byPeer[peer] ?? {});
      if (figures.length > 0)
        lines.push(
          `  ${peer.padEnd(16)}${figures.map(([key, value]) => `${key} ${shown(key, value)}`.padEnd(28)).join("")}`,
        );
    }
  }
  lines.push("", "targets");
  for (const { figure, measured, target, direction, reached } of judged) {
    lines.push(
      `  ${reached ? "reached" : "missed "}  ${figure.padEnd(34)}${measured.toFixed(2)} (${direction} ${target})`,
    );
  }
  return `${lines.join("\n")}\n`;
}
