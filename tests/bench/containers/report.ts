import type { bridgeFigures } from "./bridge-figures.ts";
import type { engineFigures } from "./engine-figures.ts";
import type { Summary } from "./summary.ts";

type Figures = Awaited<ReturnType<typeof engineFigures>> & Awaited<ReturnType<typeof bridgeFigures>>;

export interface Report {
  readonly node: string;
  readonly starts: number;
  readonly agents: number;
  readonly engines: Readonly<Record<string, Figures>>;
}

interface Line {
  readonly what: string;
  readonly measured: (figures: Figures) => string;
  readonly aim?: (engine: string) => string;
}

const spread = ({ p50, p95, min }: Summary): string => `${p50} ms (min ${min}, p95 ${p95})`;
const slowest = ({ p50, max }: Summary): string => `${p50} ms (max ${max})`;
const byEngine = (docker: string, sandbox: string) => (engine: string) =>
  ({ docker, sandbox })[engine as "docker"] ?? "";

const lines = (agents: number): readonly Line[] => [
  { what: "bare Node child, start to first message", measured: (f) => spread(f.bare_child_start_ms) },
  { what: "agent, start to first message", measured: (f) => spread(f.cold_start_ms) },
  {
    what: "  beside the bare child, p50 (and best to best)",
    measured: (f) => `${f.cold_start_ratio_p50} x (${f.cold_start_ratio_min} x)`,
    aim: byEngine("3 x", "1.3 x"),
  },
  { what: "15 bare children at once", measured: (f) => `${f.bare_fifteen_at_once_ms} ms` },
  {
    what: "15 agents at once",
    measured: (f) => `${f.fifteen_at_once_ms} ms`,
    aim: byEngine("1500 ms", "800 ms"),
  },
  { what: "memory of an agent", measured: (f) => `${f.memory_mib.p50} MiB (max ${f.memory_mib.max})` },
  { what: "kill -9 seen by the engine", measured: (f) => spread(f.kill_seen_ms), aim: () => "20 ms" },
  { what: "  explained", measured: (f) => spread(f.kill_explained_ms) },
  { what: "  told to subscribers", measured: (f) => spread(f.died_event_ms) },
  { what: "  replaced by one that said hello", measured: (f) => spread(f.replaced_ms), aim: () => "250 ms" },
  { what: "    by a warm standby", measured: (f) => spread(f.replaced_by_standby_ms) },
  { what: "memory bomb to out of memory", measured: (f) => slowest(f.oom_from_bomb_ms) },
  { what: "SIGSTOP found", measured: (f) => `${f.sigstop_found_ms} ms`, aim: () => "15000 ms" },
  { what: "crash loop told after its last death", measured: (f) => `${f.crash_loop_told_ms} ms` },
  { what: `${agents} agents started`, measured: (f) => `${f.all_started_ms} ms` },
  {
    what: `${agents} idle agents monitored`,
    measured: (f) => `${f.monitoring_percent_of_a_core} % of a core`,
    aim: () => "3 %",
  },
  { what: "panic: all frozen", measured: (f) => slowest(f.panic_frozen_ms), aim: () => "1000 ms" },
  { what: "panic: all dead", measured: (f) => slowest(f.panic_killed_ms) },
];

/** Prints a table for each engine: the figures and the goals. */
export function inWords({ node, starts, agents, engines }: Report): string {
  const tables = Object.entries(engines).map(([engine, figures]) => {
    const rows = lines(agents).map(({ what, measured, aim }) => [what, measured(figures), aim?.(engine) ?? ""]);
    const titled = [[`${engine} (Node ${node}, ${starts} starts)`, "p50", "at most"], ...rows];
    const widths = [0, 1].map((column) => Math.max(...titled.map((row) => row[column]?.length ?? 0)));
    return titled
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd(),
      )
      .join("\n");
  });
  return `${tables.join("\n\n")}\n`;
}
