import type { Container, Engine, EngineKind } from "../../../bridge/containers/index.ts";
import { heapLimitMiB } from "../../../bridge/containers/port/engine-options.ts";
import { openProbeEngine, probeLimits, probeOptions, startProbe } from "../../support/engines/engine-harness.ts";
import { tempDirectory } from "../../support/temp.ts";
import { startBareChild } from "./bare-child.ts";
import { ratio, round, summary } from "./summary.ts";

const manyAtOnce = 15;
/** The remains of a container are removed in the background; a measured start must not share the processors with that. */
const settleMs = 150;
const bombs = 3;

/** Measures starts, memory and the detection of an end at the engine itself. Bare children and agents take turns. */
export async function engineFigures(kind: EngineKind, dockerHost: string | undefined, starts: number) {
  using directory = tempDirectory();
  const options = probeOptions(kind, directory.path, dockerHost === undefined ? {} : { dockerHost });
  const engine = await openProbeEngine(options);
  const bareHere = () => startBareChild(directory.path, heapLimitMiB(probeLimits.memory_bytes));
  const here = () => startProbe(engine, directory.path);
  // The first of each reads files from the disk that later ones find in memory.
  for (const start of [bareHere, here]) await (await start())[Symbol.asyncDispose]();
  const [bare, cold, memory, killed, told]: number[][] = [[], [], [], [], []];
  for (let i = 0; i < starts; i++) {
    await settle();
    {
      await using child = await bareHere();
      bare?.push(child.startMs);
    }
    await settle();
    await using probe = await here();
    cold?.push(probe.startMs);
    memory?.push(((await probe.container.usage())?.memoryBytes ?? 0) / 2 ** 20);
    const seen = await killAndWatch(probe.container);
    killed?.push(seen.goneMs);
    told?.push(seen.explainedMs);
  }
  const oom = await memoryBombs(engine, directory.path);
  const [bareMany, many] = [await together(bareHere), await together(here)];
  await engine.close();
  const [bareStart, coldStart] = [summary(bare ?? []), summary(cold ?? [])];
  return {
    bare_child_start_ms: bareStart,
    cold_start_ms: coldStart,
    cold_start_ratio_p50: ratio(coldStart.p50, bareStart.p50),
    cold_start_ratio_min: ratio(coldStart.min, bareStart.min),
    bare_fifteen_at_once_ms: bareMany,
    fifteen_at_once_ms: many,
    memory_mib: summary(memory ?? []),
    kill_seen_ms: summary(killed ?? []),
    kill_explained_ms: summary(told ?? []),
    oom_from_bomb_ms: summary(oom),
  };
}

async function killAndWatch(container: Container): Promise<{ goneMs: number; explainedMs: number }> {
  const begun = performance.now();
  process.kill(container.pid ?? 0, "SIGKILL");
  // The bridge notices the end by the closed connection, and then inspects the container.
  setTimeout(() => container.look(), 3);
  await container.gone;
  const goneMs = performance.now() - begun;
  await container.exited;
  return { goneMs, explainedMs: performance.now() - begun };
}

async function memoryBombs(engine: Engine, directory: string): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < bombs; i++) {
    await using probe = await startProbe(engine, directory);
    const begun = performance.now();
    probe.tell("{ const held = []; for (;;) held.push(Buffer.alloc(16 << 20, 1)) }");
    const { reason } = await probe.container.exited;
    if (reason !== "oom") throw new Error(`A memory bomb ended as ${reason}`);
    took.push(performance.now() - begun);
  }
  return took;
}

/** Starts as many at once as the supervisor does. */
async function together(start: () => Promise<AsyncDisposable>): Promise<number> {
  await settle();
  const begun = performance.now();
  let left = manyAtOnce;
  const started: AsyncDisposable[] = [];
  const lane = async () => {
    while (left-- > 0) started.push(await start());
  };
  await Promise.all(Array.from({ length: 4 }, lane));
  const ms = performance.now() - begun;
  await Promise.all(started.map((one) => one[Symbol.asyncDispose]()));
  return round(ms);
}

const settle = () => new Promise((resolve) => setTimeout(resolve, settleMs));
