// `npm run structure [-- DIR]`: measures the structure of the code, here or in another checkout, and prints a table.
import { resolve } from "node:path";
import { findAgentStartWalk } from "./structure/agent-start.ts";
import { circlesOf, floorsOf, type Graph, graphOf } from "./structure/graph.ts";
import { definitions, filesThatName } from "./structure/searches.ts";
import { codeLines, isTest, type SourceFile, sourceFiles } from "./structure/source-files.ts";

const files = sourceFiles(process.argv[2] === undefined ? undefined : resolve(process.argv[2]));
const production = files.filter(
  ({ path }) => !isTest(path) && /^(?:bridge|protocol|client-sdk|agent-runtime)\//.test(path),
);

/** Depth 2 in the bridge, 3 in its adapters: `bridge/events`, `bridge/adapters/matrix`. A file outside of these folders counts as a room of its own. */
const roomOf = (path: string): string =>
  /^bridge\/adapters\/[^/]+(?=\/)/.exec(path)?.[0] ??
  /^bridge\/[^/]+(?=\/|$)/.exec(path)?.[0] ??
  /^[^/]+/.exec(path)?.[0] ??
  path;
const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

function layout(name: string, graph: Graph): [string, string][] {
  const circles = circlesOf(graph);
  return [
    [name, String(graph.size)],
    ["  floors (longest path of imports)", String(floorsOf(graph))],
    ["  arrows between them", String([...graph.values()].reduce((sum, targets) => sum + targets.size, 0))],
    [
      "  circles",
      circles.length === 0 ? "0" : `${circles.length}: ${circles.map((circle) => circle.join(" ↔ ")).join("; ")}`,
    ],
  ];
}

function largest(all: readonly SourceFile[]): [string, string][] {
  const measured = all.map((file) => ({ path: file.path, lines: codeLines(file.text) }));
  return measured
    .toSorted((a, b) => b.lines - a.lines)
    .slice(0, 10)
    .map(({ path, lines }, index) => [index === 0 ? "largest files (lines of code)" : "", `${lines} ${path}`]);
}

/** The number of files directly in each folder, including tests. */
function fullestFolders(): string {
  const counts = Map.groupBy(
    files.filter(({ path }) => /^(?:bridge|protocol|client-sdk|agent-runtime|scripts|tests)\//.test(path)),
    ({ path }) => folderOf(path),
  );
  return [...counts]
    .map(([folder, members]) => ({ folder, count: members.length }))
    .toSorted((a, b) => b.count - a.count)
    .slice(0, 3)
    .map(({ folder, count }) => `${count} ${folder}`)
    .join(", ");
}

const counted = (found: readonly string[]): string =>
  `${found.length}${found.length === 0 ? "" : `: ${found.join(", ")}`}`;

const walk = findAgentStartWalk(production);
const hops = filesThatName(production, /\bhang_after_ms\b|\bhangAfterMs\b/);
const rows: [string, string][] = [
  ...layout("rooms (domains, adapters, packages)", graphOf(production, roomOf)),
  ...layout("folders", graphOf(production, folderOf)),
  ["circles of files", String(circlesOf(graphOf(production, (path) => path)).length)],
  ["production files", String(production.length)],
  ["files in the fullest folders", fullestFolders()],
  ...largest(production),
  ["files that name `agents.hang_after_ms`", counted(hops)],
  ["files of an `agent.start`", counted(walk.files)],
  ...Object.entries(definitions).map(([name, pattern]): [string, string] => [
    name,
    counted(filesThatName(production, pattern)),
  ]),
];
const width = Math.max(...rows.map(([name]) => name.length));
process.stdout.write(rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join(""));
if (walk.problems.length > 0) {
  process.stderr.write(
    `scripts/structure/agent-start.ts is out of date:\n${walk.problems.map((line) => `  ${line}\n`).join("")}`,
  );
  process.exitCode = 1;
}
