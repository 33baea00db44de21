// `npm run bench -- containers --json`: what starts, ends, watching and panic cost, each beside a bare Node child in the same run.
import { parseArgs } from "node:util";
import type { EngineKind } from "../../bridge/containers/index.ts";
import { bridgeFigures } from "./containers/bridge-figures.ts";
import { engineFigures } from "./containers/engine-figures.ts";
import { inWords } from "./containers/report.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    starts: { type: "string", default: "20" },
    agents: { type: "string", default: "100" },
    engine: { type: "string", multiple: true },
  },
});
const dockerHost = process.env["ARMORCLAW_TEST_DOCKER_HOST"] ?? process.env["DOCKER_HOST"];
const kinds = (values.engine ?? ["sandbox", ...(dockerHost === undefined ? [] : ["docker"])]) as EngineKind[];
const sizes = { starts: Number(values.starts), agents: Number(values.agents) };

const engines: Record<string, Awaited<ReturnType<typeof figuresOf>>> = {};
for (const kind of kinds) engines[kind] = await figuresOf(kind);
const report = { node: process.version, ...sizes, engines };
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : inWords(report));

async function figuresOf(kind: EngineKind) {
  const host = kind === "docker" ? dockerHost : undefined;
  return { ...(await engineFigures(kind, host, sizes.starts)), ...(await bridgeFigures(kind, host, sizes)) };
}
