import type { SourceFile } from "./source-files.ts";

/**
 * The files that take part in an `agent.start` on the sandbox engine, from the handler to the launched process.
 * The loop sets neither `standby` nor `idle`, so their files are not included.
 */
const walks: readonly (readonly string[])[] = [
  [
    "bridge/api/agent.ts",
    "bridge/agents/fleet/supervisor.ts",
    "bridge/agents/fleet/agent-factory.ts",
    "bridge/agents/instance/agent.ts",
    "bridge/agents/instance/start-queue.ts",
    "bridge/agents/instance/agent-run.ts",
    "bridge/rpc/listen/agent-endpoints.ts",
    "bridge/containers/sandbox/sandbox-engine.ts",
    "bridge/containers/sandbox/sandbox-plan.ts",
    "bridge/containers/sandbox/bubblewrap.ts",
    "bridge/containers/sandbox/launcher.pl",
  ],
  // The list before the folders had subfolders, for a comparison with an older checkout.
  [
    "bridge/rpc/handlers/agent.ts",
    "bridge/agents/agents.ts",
    "bridge/agents/roster.ts",
    "bridge/agents/agent-maker.ts",
    "bridge/agents/agent.ts",
    "bridge/agents/parking.ts",
    "bridge/agents/readiness.ts",
    "bridge/agents/start-gate.ts",
    "bridge/agents/spare.ts",
    "bridge/agents/agent-life.ts",
    "bridge/agents/incarnation.ts",
    "bridge/agents/endpoints.ts",
    "bridge/rpc/agent-endpoints.ts",
    "bridge/containers/sandbox.ts",
    "bridge/containers/sandbox-start.ts",
    "bridge/containers/sandbox-launch.ts",
    "bridge/containers/launcher-program.ts",
  ],
];

interface Walk {
  readonly files: readonly string[];
  /** The faults of the list: files that do not exist, or that no import connects with the handler. */
  readonly problems: readonly string[];
}

/** Returns the list that fits this checkout, checked against its imports. */
export function findAgentStartWalk(all: readonly SourceFile[]): Walk {
  const byPath = new Map(all.map((file) => [file.path, file]));
  const files = walks.find(([first = ""]) => byPath.has(first)) ?? [];
  // Only TypeScript files are parsed: any other file exists when a file of the walk names it.
  const isNamed = (path: string) =>
    files.some((other) => byPath.get(other)?.code.includes(`"${path.split("/").at(-1)}"`) === true);
  const missing = files.filter((path) => !byPath.has(path) && !isNamed(path));
  const connected = connectedWith(files[0] ?? "", new Set(files), byPath);
  const alone = files.filter((path) => byPath.has(path) && !connected.has(path));
  return {
    files,
    problems: [
      ...missing.map((path) => `${path} does not exist`),
      ...alone.map((path) => `${path} is connected with none of the others`),
    ],
  };
}

/** Returns the files of the walk that are connected with `first` by imports in either direction, also through an index.ts. */
function connectedWith(first: string, walk: ReadonlySet<string>, byPath: ReadonlyMap<string, SourceFile>): Set<string> {
  const neighbours = new Map<string, Set<string>>();
  const join = (a: string, b: string) => neighbours.set(a, (neighbours.get(a) ?? new Set()).add(b));
  for (const path of walk) {
    for (const target of importsThroughIndexes(path, byPath)) {
      if (!walk.has(target)) continue;
      join(path, target);
      join(target, path);
    }
  }
  const reached = new Set([first]);
  for (const path of reached) for (const next of neighbours.get(path) ?? []) reached.add(next);
  return reached;
}

/** index.ts, or in older checkouts the file with the name of its folder. */
const isIndex = (path: string): boolean => {
  const [file, folder] = path.split("/").toReversed();
  return file === "index.ts" || file === `${folder}.ts`;
};

function importsThroughIndexes(path: string, byPath: ReadonlyMap<string, SourceFile>): string[] {
  const direct = byPath.get(path)?.imports.flatMap(({ target }) => target ?? []) ?? [];
  return direct.flatMap((target) => (isIndex(target) ? [target, ...importsThroughIndexes(target, byPath)] : [target]));
}
