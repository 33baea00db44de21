import type { SourceFile } from "./source-files.ts";

/** A node → the nodes that it imports. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The imports between groups of files. Imports inside a group are left out, and so are files outside the repository. */
export function graphOf(files: readonly SourceFile[], groupOf: (path: string) => string): Graph {
  const known = new Set(files.map(({ path }) => path));
  const graph = new Map<string, Set<string>>();
  for (const { path, imports } of files) {
    const from = groupOf(path);
    const targets = graph.get(from) ?? new Set();
    graph.set(from, targets);
    for (const { target, specifier } of imports) {
      const file = target ?? packageFile(specifier, known);
      if (file !== undefined && known.has(file) && groupOf(file) !== from) targets.add(groupOf(file));
    }
  }
  return graph;
}

/** `@armorclaw/protocol/errors` → `protocol/errors/index.ts`. */
function packageFile(specifier: string, known: ReadonlySet<string>): string | undefined {
  const [, name, part = "index"] = /^@armorclaw\/([\w-]+)(?:\/(.+))?$/.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  return [`${name}/${part}.ts`, `${name}/${part}/index.ts`, `${name}/index.ts`].find((path) => known.has(path));
}

/** Returns the groups of nodes that import each other, directly or through others (Tarjan's strongly connected components). */
export function circlesOf(graph: Graph): string[][] {
  return components(graph).filter((members) => members.length > 1);
}

/** Returns the number of nodes on the longest path, where a circle counts as one. */
export function floorsOf(graph: Graph): number {
  const all = components(graph);
  const componentOf = new Map(all.flatMap((members) => members.map((member) => [member, members] as const)));
  const heights = new Map<readonly string[], number>();
  // The algorithm returns a component after those that it imports.
  for (const members of all) {
    const below = members.flatMap((member) =>
      [...(graph.get(member) ?? [])].map((target) => componentOf.get(target) ?? []),
    );
    const heightsBelow = below
      .filter((component) => component !== members)
      .map((component) => heights.get(component) ?? 0);
    heights.set(members, 1 + Math.max(0, ...heightsBelow));
  }
  return Math.max(0, ...heights.values());
}

function components(graph: Graph): string[][] {
  const order = new Map<string, number>();
  const open: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): number => {
    const index = order.size;
    order.set(node, index);
    open.push(node);
    let low = index;
    for (const target of graph.get(node) ?? []) {
      if (!order.has(target)) low = Math.min(low, visit(target));
      else if (open.includes(target)) low = Math.min(low, order.get(target) ?? low);
    }
    if (low === index) found.push(open.splice(open.indexOf(node)));
    return low;
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return found;
}
