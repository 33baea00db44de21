// Builds the program from the TypeScript sources into dist/program: few files instead of hundreds, which start faster and need
// less memory. Plain JavaScript, so that `npm ci` can run it on any Node.
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { stampOf } from "../bin/build-stamp.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "bridge");
const target = join(root, "dist/program");

/** The packages that are bundled, because the program uses only a part of them. The others stay in node_modules. */
const bundled = /^(@armorclaw\/|zod$|smol-toml$)/;

/** The files that the program reads unchanged. They keep their paths, and so do the entries of the worker threads. */
const assets = "**/*.{css,html,mjs,pl,sh}";
const workers = ["adapters/matrix/worker/main", "adapters/webrtc/media/main"];

/** All built files are in dist/program. A module's code still sees its own path in bridge/. */
const places = {
  name: "places",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === "entry-point" || bundled.test(path) ? undefined : { path, external: true },
    );
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const place = relative(source, path);
      if (place.startsWith("..") || !text.includes("import.meta.")) return undefined;
      const isWorker = workers.some((worker) => dirname(place) === dirname(worker) && place === `${worker}.ts`);
      if (isWorker) throw new Error(`${path} is the entry of a worker and may not use import.meta`);
      const contents = text
        .replaceAll("import.meta.dirname", `(import.meta.dirname + ${JSON.stringify(`/${dirname(place)}`)})`)
        .replaceAll(
          "import.meta.url",
          `new URL(${JSON.stringify(place.replace(/\.ts$/, ".js"))}, import.meta.url).href`,
        );
      return { contents, loader: "ts" };
    });
  },
};

if (existsSync(join(source, "main.ts"))) {
  rmSync(target, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["main", ...workers].map((name) => ({ in: join(source, `${name}.ts`), out: name })),
    outdir: target,
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node24",
    conditions: ["armorclaw-source"],
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    plugins: [places],
  });
  const copied = globSync(assets, { cwd: source });
  for (const file of copied) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(source, file), join(target, file));
  }
  const inputs = Object.keys(metafile.inputs).filter((file) => !file.startsWith("node_modules/"));
  const files = [
    ...inputs,
    ...copied.map((file) => `bridge/${file}`),
    "package-lock.json",
    "scripts/build-program.mjs",
  ];
  writeFileSync(join(target, "stamp.json"), JSON.stringify(stampOf(root, files)));
}
