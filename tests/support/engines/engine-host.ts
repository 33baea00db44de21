// Starts one probe agent like a bridge, reports that on stdout, and keeps running, for tests that kill it.
import type { EngineKind } from "../../../bridge/containers/index.ts";
import { openProbeEngine, probeOptions, startProbe } from "./engine-harness.ts";

const [kind, directory, installId, dockerHost] = process.argv.slice(2);
if (kind === undefined || directory === undefined || installId === undefined) throw new Error("What to start?");
const options = { installId, ...(dockerHost === undefined ? {} : { dockerHost }) };
const engine = await openProbeEngine(probeOptions(kind as EngineKind, directory, options));
const probe = await startProbe(engine, directory);
process.stdout.write(`${JSON.stringify({ pid: probe.container.pid })}\n`);
