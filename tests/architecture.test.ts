import { basename, dirname } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { circlesOf, graphOf } from "../scripts/structure/graph.ts";
import { codeLines, isTest, type SourceFile, sourceFiles } from "../scripts/structure/source-files.ts";

const files = sourceFiles();
const production = files.filter(
  ({ path }) => !isTest(path) && !path.startsWith("scripts/") && !path.startsWith("bin/"),
);

/** Imports point down, never sideways. */
const layers: Record<string, number> = {
  patches: -1,
  platform: 0,
  lifecycle: 1,
  logging: 1,
  store: 1,
  config: 2,
  events: 2,
  access: 3,
  attachments: 3,
  audit: 3,
  keystore: 3,
  budget: 3,
  approvals: 3,
  health: 3,
  outbox: 3,
  containers: 4,
  adapters: 4,
  agents: 5,
  alerts: 5,
  doctor: 5,
  tasks: 5,
  rpc: 2,
  api: 6,
  daemon: 7,
  entry: 8,
};

/** The subfolders of a folder, from the lowest: imports inside the folder point down, too. The folder's own files are above all subfolders. */
const innerLayers: Record<string, readonly string[]> = {
  "bridge/cli": ["core", "render", "doctor", "commands"],
};

/** Each of these packages is imported in one place, so that it can be replaced there. */
const containment: Record<string, RegExp> = {
  "json-rpc-2.0": /^(?:bridge\/rpc|client-sdk)\//,
  "eventsource-parser": /^bridge\/adapters\/llm\//,
  dockerode: /^bridge\/containers\/docker\//,
  pino: /^bridge\/logging\//,
  koffi: /^bridge\/platform\//,
  "smol-toml": /^bridge\/config\//,
  "matrix-js-sdk": /^bridge\/(?:adapters\/matrix|patches\/matrix-js-sdk)\//,
  werift: /^bridge\/(?:adapters\/webrtc\/media|patches\/werift)\//,
  "libopus-wasm": /^bridge\/adapters\/webrtc\/media\//,
  "fake-indexeddb": /^bridge\/patches\/fake-indexeddb\//,
  esbuild: /^scripts\//,
  "@pydantic/genai-prices": /^bridge\/budget\//,
};

interface Ban {
  readonly what: RegExp;
  readonly instead: string;
  readonly allowedIn?: RegExp;
}

const bans: readonly Ban[] = [
  {
    what: /\.prototype\b|\bprototypeOf\b|\bReflect\.(?:set|defineProperty)\(|\bObject\.setPrototypeOf\(/,
    instead: "change a dependency's insides in bridge/patches",
    allowedIn: /^bridge\/patches\//,
  },
  { what: /\bprocess\.exit\(/, instead: "set process.exitCode and let the loop empty" },
  {
    what: /\bprocess\.env\b/,
    instead: "take what main.ts hands down from bridge/config",
    allowedIn: /^(?:bridge\/(?:main|entry\/run)\.ts|agent-runtime\/main\.ts)$/,
  },
  { what: /\bconsole\.\w+\(/, instead: "use the module's logger" },
  {
    what: /\bDate\.now\(|\bsetTimeout\(|\bsetInterval\(/,
    instead: "take the Clock port",
    allowedIn: /^(?:bridge\/platform|client-sdk|agent-runtime)\//,
  },
  {
    what: /\bMath\.random\b/,
    instead: "take a random function",
    allowedIn: /^(?:bridge\/(?:platform|daemon)|client-sdk|agent-runtime)/,
  },
  { what: /:\s*any\b|\bas any\b|<any>/, instead: "name the type, or `unknown` and parse" },
  { what: /\bas unknown as\b/, instead: "parse, or fix the type" },
  { what: /@ts-(?:ignore|nocheck)/, instead: "fix the type" },
  {
    what: /\.\.\.\{|\.\.\.\[[\w."', ]+\](?=,|\s*\])/,
    instead: "write the fields out: a spread literal only packs lines",
  },
  {
    what: /\b\w*(?:Door|Teller|Attendance|Incarnation|Switchboard|Parking|Brakes|Heard)(?=[A-Z]|\W|s\b)/,
    instead: "use the field's word: docs/start/glossary.md has the few that are the project's own",
  },
  { what: /^\s*(?:export\s+)?(?:const\s+)?enum\s/m, instead: "use a union or `as const`" },
];

/** These folders have one file for each domain, suite or part: the lists grow with the contract, not with the complexity. */
const wideFolders = new Set(["protocol/methods", "tests/e2e", "tests/faults"]);

const problems = (check: (file: SourceFile) => string[], among = production) => among.flatMap(check);

const folderOf = (path: string): string | undefined => /^bridge\/([^/]+)\//.exec(path)?.[1];

describe("layers", () => {
  test("imports inside the bridge point down, never sideways", () => {
    const wrong = problems(
      ({ path, imports }) => {
        const from = folderOf(path);
        const fromLayer = from === undefined ? 9 : (layers[from] ?? -1);
        return imports.flatMap(({ target }) => {
          const to = target === undefined ? undefined : folderOf(target);
          if (target === undefined || !target.startsWith("bridge/") || to === from) return [];
          if (from === "cli")
            return to === "config"
              ? []
              : [`${path} imports ${target}: the CLI is a client, it shares only config with the daemon`];
          if (to === undefined) return [`${path} imports ${target}: nothing imports the process's entry`];
          if (to === "cli") return fromLayer >= 8 ? [] : [`${path} imports ${target}: only the entry knows the CLI`];
          return (layers[to] ?? 99) < fromLayer
            ? []
            : [`${path} (layer ${fromLayer}) imports ${target}: move the file down, or declare a port`];
        });
      },
      production.filter(({ path }) => folderOf(path) !== undefined),
    );
    expect(wrong).toEqual([]);
  });

  test("rpc knows no domain: it imports only the platform, the patches of dependencies and the logger", () => {
    const wrong = problems(({ path, imports }) =>
      imports.flatMap(({ target }) => {
        const to = target === undefined ? undefined : folderOf(target);
        const isAllowed = target === undefined || !target.startsWith("bridge/") || to === "rpc";
        return folderOf(path) !== "rpc" || isAllowed || to === "platform" || to === "patches" || to === "logging"
          ? []
          : [`${path} imports ${target}: declare a port in bridge/rpc`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("every folder of the bridge has a layer", () => {
    const folders = new Set(production.flatMap(({ path }) => folderOf(path) ?? []));
    expect([...folders].filter((folder) => folder !== "cli" && layers[folder] === undefined)).toEqual([]);
  });

  test("other folders are entered by their index.ts", () => {
    const wrong = problems(({ path, imports }) =>
      imports.flatMap(({ target }) => {
        const to = target === undefined ? undefined : folderOf(target);
        if (target === undefined || to === undefined || to === folderOf(path) || (layers[to] ?? 9) <= 1) return [];
        // Each adapter's folder is a group of its own.
        const isEntryPoint = basename(target) === "index.ts";
        const isEntry = (layers[folderOf(path) ?? ""] ?? 9) >= 7;
        return isEntryPoint || isEntry ? [] : [`${path} imports ${target}: import its index.ts`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test.each(Object.entries(innerLayers))("imports inside %s point down, never sideways", (folder, order) => {
    const subfolderOf = (path: string) => path.slice(folder.length + 1).match(/^([^/]+)\//)?.[1];
    const layerOf = (path: string) => {
      const subfolder = subfolderOf(path);
      return subfolder === undefined ? order.length : order.indexOf(subfolder);
    };
    const inside = files.filter(({ path }) => path.startsWith(`${folder}/`));
    expect(new Set(inside.flatMap(({ path }) => subfolderOf(path) ?? []))).toEqual(new Set(order));
    const wrong = inside.flatMap(({ path, imports }) =>
      imports.flatMap(({ target }) =>
        target?.startsWith(`${folder}/`) === true && layerOf(target) > layerOf(path)
          ? [`${path} imports ${target}: ${order.join(" → ")} is the only way up`]
          : [],
      ),
    );
    expect(wrong).toEqual([]);
  });

  test("packages import only what they may", () => {
    const may: Record<string, RegExp> = {
      protocol: /^(?:zod|\.)/,
      "client-sdk": /^(?:@armorclaw\/protocol|json-rpc-2\.0|node:|\.)/,
      "agent-runtime": /^(?:@armorclaw\/(?:protocol|client-sdk)|node:|\.)/,
    };
    const wrong = problems(({ path, imports }) => {
      const folder = path.split("/")[0] ?? "";
      const allowed = may[folder];
      if (allowed === undefined) return [];
      return imports.flatMap(({ specifier, target }) => {
        const leaves = target !== undefined && !target.startsWith(`${folder}/`);
        return allowed.test(specifier) && !leaves ? [] : [`${path} imports ${specifier}`];
      });
    });
    expect(wrong).toEqual([]);
  });

  test("each outside library is imported in its one place", () => {
    const wrong = problems(({ path, imports }) =>
      imports.flatMap(({ specifier }) => {
        const place = containment[specifier];
        return place === undefined || place.test(path) ? [] : [`${path} imports ${specifier}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("no bridge code imports the agent's bundle", () => {
    const reached = new Set<string>();
    const byPath = new Map(files.map((file) => [file.path, file]));
    const walk = (path: string) => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const { target, isTypeOnly } of byPath.get(path)?.imports ?? [])
        if (target !== undefined && !isTypeOnly) walk(target);
    };
    walk("agent-runtime/main.ts");
    expect([...reached].filter((path) => !/^(?:agent-runtime|client-sdk|protocol)\//.test(path))).toEqual([]);
    expect(reached.size).toBeGreaterThan(3);
  });

  test("no imports form a circle", () => {
    const byPath = new Map(production.map((file) => [file.path, file]));
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (path: string, trail: readonly string[]) => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      if (done.has(path) || trail.includes(path)) return;
      for (const { target } of byPath.get(path)?.imports ?? [])
        if (target !== undefined) walk(target, [...trail, path]);
      done.add(path);
    };
    for (const { path } of production) walk(path, []);
    expect(circles).toEqual([]);
  });

  test("no import of folders goes round in a circle", () => {
    const circles = circlesOf(graphOf(production, dirname));
    expect(circles.map((circle) => `${circle.join(" ↔ ")}: move what they share into a folder below`)).toEqual([]);
  });

  test("every production file is reached from an entry", () => {
    const entries =
      /^(?:bridge\/main\.ts|bridge\/adapters\/(?:matrix\/worker|webrtc\/media)\/main\.ts|agent-runtime\/(?:main|loop-map|host)\.ts|client-sdk\/(?:index|browser)\.ts|protocol\/(?:index|openrpc|errors\/index|types\/limits|long-json|nearest|agent-frames|pipe|seal)\.ts)$/;
    const reached = new Set(production.map(({ path }) => path).filter((path) => entries.test(path)));
    for (const path of reached) {
      for (const { target } of production.find((file) => file.path === path)?.imports ?? [])
        if (target !== undefined) reached.add(target);
    }
    expect(production.map(({ path }) => path).filter((path) => path.endsWith(".ts") && !reached.has(path))).toEqual([]);
  });
});

/** The layers inside adapters: imports point from a higher layer to a lower one. */
const floors: Record<string, Record<string, number>> = {
  llm: { codecs: 0, broker: 1, endpoint: 2 },
  matrix: { protocol: 0, worker: 1, rooms: 1, link: 2, calls: 2 },
  webrtc: { protocol: 0, media: 1, turn: 1, calls: 2, bindings: 3, signaling: 3 },
};

/** Programs that run in a worker thread, and the only parts of the bridge that they may import. They resolve no package of this repository. */
const workerPrograms = [
  { folder: "bridge/adapters/matrix/worker/", shared: "bridge/adapters/matrix/protocol/" },
  { folder: "bridge/adapters/webrtc/media/", shared: "bridge/adapters/webrtc/protocol/" },
] as const;
const workerPlatform = /^bridge\/(?:platform\/(?:abort|clock|retry|worker-rpc)\.ts$|patches\/)/;

describe("adapters", () => {
  const partsOf = (path: string) => /^bridge\/adapters\/([^/]+)\/(?:([^/]+)\/)?/.exec(path)?.slice(1) ?? [];

  test("an adapter imports no other adapter", () => {
    const wrong = problems(({ path, imports }) =>
      imports.flatMap(({ target = "" }) => {
        const [[from], [to]] = [partsOf(path), partsOf(target)];
        return from === undefined || to === undefined || from === to ? [] : [`${path} imports ${target}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("the folders of an adapter import each other in one direction", () => {
    const wrong = problems(({ path, imports }) =>
      imports.flatMap(({ target = "" }) => {
        const [[adapter = "", from], [, to]] = [partsOf(path), partsOf(target)];
        const floor = (folder: string | undefined) => floors[adapter]?.[folder ?? ""] ?? 9;
        if (from === undefined || partsOf(target)[0] !== adapter || from === to) return [];
        return floor(to) < floor(from) ? [] : [`${path} imports ${target}: ${from} is not above ${to ?? "index.ts"}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test.each(workerPrograms)(
    "$folder imports nothing of the bridge but its protocol, the platform and patches",
    ({ folder, shared }) => {
      const isOwn = (path: string) => path.startsWith(folder) || path.startsWith(shared);
      const wrong = problems(({ path, imports }) =>
        imports.flatMap(({ specifier, target }) => {
          if (isOwn(path)) {
            const isAllowed = target === undefined ? !specifier.startsWith("@armorclaw/") : isOwn(target);
            return isAllowed || workerPlatform.test(target ?? "") ? [] : [`${path} imports ${specifier}`];
          }
          const isProgram = target?.startsWith(folder) === true;
          return isProgram ? [`${path} imports ${target}: the program runs in its own thread`] : [];
        }),
      );
      expect(wrong).toEqual([]);
    },
  );

  test("only worker programs import patches of their dependencies", () => {
    const wrong = problems(({ path, imports }) =>
      imports.flatMap(({ target = "" }) => {
        const isPatch = /^bridge\/patches\/(?!node\/)/.test(target) && !path.startsWith("bridge/patches/");
        return isPatch && !workerPrograms.some(({ folder }) => path.startsWith(folder))
          ? [`${path} imports ${target}`]
          : [];
      }),
    );
    expect(wrong).toEqual([]);
  });
});

describe("code rules", () => {
  test("no file has more than 400 lines of code", () => {
    const long = files.map(({ path, text }) => ({ path, lines: codeLines(text) })).filter(({ lines }) => lines > 400);
    expect(long.map(({ path, lines }) => `${path} has ${lines} lines of code: split it by what it does`)).toEqual([]);
  });

  test("no folder has more than 25 files of its own", () => {
    const counts = new Map<string, number>();
    for (const { path } of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    const full = [...counts].filter(([folder, count]) => count > 25 && !wideFolders.has(folder));
    expect(full.map(([folder, count]) => `${folder} has ${count} files: give it inner folders`)).toEqual([]);
  });

  test.each(bans.map((ban) => [String(ban.what), ban] as const))(
    "nothing uses %s",
    (_, { what, instead, allowedIn }) => {
      const wrong = problems(({ path, code }) => {
        const line = code.split("\n").find((text) => what.test(text));
        return line === undefined || allowedIn?.test(path) ? [] : [`${path}: ${line.trim()} (${instead})`];
      });
      expect(wrong).toEqual([]);
    },
  );

  test("no module holds state: a top-level `let` is a singleton", () => {
    const wrong = problems(({ path, code }) => (/^(?:export\s+)?let\s/m.test(code) ? [path] : []));
    expect(wrong).toEqual([]);
  });

  test("no mark for later and no skipped test is left", () => {
    const marks = new RegExp(["TO" + "DO", "FIX" + "ME", "X" + "XX"].map((mark) => `\\b${mark}\\b`).join("|"));
    const off = new RegExp(`\\.${"skip"}\\(|\\.${"only"}\\(|\\bx(?:it|describe|test)\\(`);
    const wrong = files
      .filter(({ path }) => path !== "tests/support/machine/require-part.ts")
      .flatMap(({ path, text }) => [
        ...(marks.test(text) ? [`${path} has a mark for later`] : []),
        ...(off.test(text) ? [`${path} switches a test off`] : []),
      ]);
    expect(wrong).toEqual([]);
  });

  test("the name of a method or an event stands in its domain's file alone: the contract joins what they declare", () => {
    const named = files.find(({ path }) => path === "protocol/contract.ts")?.code.match(/"\w+\.\w+"/g);
    expect(named ?? []).toEqual([]);
    for (const kind of ["methods", "events"]) {
      const declarations = files.filter(({ path }) => path.startsWith(`protocol/${kind}/`));
      const names = declarations.flatMap(({ code }) => code.match(/^ {2}"\w+\.\w+"(?=: \w+,$)/gm) ?? []);
      expect(names.length).toBeGreaterThan(50);
      expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    }
  });

  test("the daemon composes: its files are short and decide nothing about a domain", () => {
    const daemon = files.filter(({ path }) => /^bridge\/daemon\/[^/]+\.ts$/.test(path) && !isTest(path));
    const long = daemon.filter(({ text }) => text.split("\n").length > 151);
    expect(long.map(({ path }) => `${path} has over 150 lines`)).toEqual([]);
    // What a platform cannot do is no matter of a domain.
    const decides = ({ path, code }: SourceFile) =>
      code
        .split("\n")
        .filter((line) => /\bif \(|\bswitch \(|\s\?\s/.test(line) && !/\bnative\b/.test(line))
        .map((line) => `${path}: ${line.trim()} (a decision belongs to its domain)`);
    expect(daemon.flatMap(decides)).toEqual([]);
    expect(daemon.length).toBeGreaterThan(5);
  });

  test("files are named in kebab-case", () => {
    const wrong = files
      .map(({ path }) => basename(path))
      .filter((name) => !/^[a-z0-9]+(?:[-.][a-z0-9]+)*\.(?:ts|mjs)$/.test(name));
    expect(wrong).toEqual([]);
  });
});
