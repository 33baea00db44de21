import { chmodSync, lchownSync, mkdirSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { AgentId, LoopName } from "@armorclaw/protocol";
import {
  type Container,
  type ContainerSpec,
  type Engine,
  type EngineKind,
  type EngineOptions,
  selectEngine,
} from "../../../bridge/containers/index.ts";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { systemClock } from "../../../bridge/platform/clock.ts";
import { loadNativeCalls } from "../../../bridge/platform/os/peer-credentials.ts";
import { until } from "../until.ts";

export interface Hello {
  readonly uid: number;
  readonly pid: number;
}

/** A started probe agent, and the line to it. */
export interface Probe extends AsyncDisposable {
  readonly container: Container;
  readonly spec: ContainerSpec;
  readonly hello: Hello;
  /** Milliseconds from the start to the hello. */
  readonly startMs: number;
  /** Runs an expression inside; returns its value, or the code of the error that it threw. */
  evaluate(code: string): Promise<unknown>;
  /** Does the same without waiting, for expressions that end the agent. */
  tell(code: string): void;
}

const MiB = 1024 * 1024;
export const probeLimits = { memory_bytes: 128 * MiB, cpus: 1, pids: 32, tmp_bytes: 8 * MiB };

/** Options for an engine whose agents are probe agents and whose files are under `directory`. */
export function probeOptions(
  choice: "auto" | EngineKind,
  directory: string,
  more: Partial<EngineOptions> = {},
): EngineOptions {
  const made = (name: string) => {
    const path = join(directory, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  };
  return {
    choice,
    allowUnsandboxed: false,
    installId: `test${process.pid}`,
    stateDirectory: made("state"),
    runtimeDirectory: made("run"),
    agentBundle: join(import.meta.dirname, "engine-probe-agent.mjs"),
    nodeBinary: process.execPath,
    native: loadNativeCalls(),
    logger: silentLogger,
    clock: systemClock,
    ...more,
  };
}

export async function openProbeEngine(options: EngineOptions): Promise<Engine> {
  const engine = await selectEngine(options);
  await engine.prepare(() => undefined);
  return engine;
}

let agents = 0;

/** Starts a probe agent in a slot of its own and waits for its hello. */
export async function startProbe(
  engine: Engine,
  directory: string,
  more: Partial<ContainerSpec> = {},
  deadline = AbortSignal.timeout(30_000),
): Promise<Probe> {
  const number = ++agents;
  const agentId = AgentId.parse(`probe-${number}`);
  const slot = more.slot ?? 700 + number;
  const endpoint = await openEndpoint(join(directory, "run", `${agentId}.1`), engine.uidForSlot(slot));
  const spec: ContainerSpec = {
    agentId,
    loop: LoopName.parse("probe"),
    epoch: 1,
    slot,
    limits: probeLimits,
    grants: [],
    endpointDirectory: endpoint.directory,
    ...more,
  };
  const started = performance.now();
  let container: Container | undefined;
  const dispose = async () => {
    await container?.kill();
    endpoint.close();
  };
  try {
    container = await engine.start(spec, deadline);
    const hello = await until("the probe agent's hello", () => endpoint.hello());
    const startMs = endpoint.helloAt() - started;
    const { evaluate, tell } = endpoint;
    return { container, spec, hello, startMs, evaluate, tell, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Answer {
  readonly id?: number;
  readonly hello?: Hello;
  readonly result?: unknown;
  readonly failure?: string;
}

/** Creates an agent's socket directory like the bridge: 0711, and in it a 0600 socket that the agent's uid owns. */
async function openEndpoint(directory: string, ownerUid: number) {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o711);
  const path = join(directory, "agent.sock");
  const waiting = new Map<number, (answer: Answer) => void>();
  let connection: Socket | undefined;
  let hello: Hello | undefined;
  let helloAt = 0;
  let ids = 0;
  const server = createServer((socket) => {
    connection = socket.setEncoding("utf8");
    let rest = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const answer = JSON.parse(line) as Answer;
        if (answer.hello !== undefined) [hello, helloAt] = [answer.hello, performance.now()];
        else if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
      }
    });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
  chmodSync(path, 0o600);
  if (process.getuid?.() === 0) lchownSync(path, ownerUid, ownerUid);
  const tell = (code: string, id = ++ids) => connection?.write(`${JSON.stringify({ id, code })}\n`);
  return {
    directory,
    hello: () => hello,
    helloAt: () => helloAt,
    tell: (code: string) => void tell(code),
    async evaluate(code: string): Promise<unknown> {
      const id = ++ids;
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      waiting.set(id, resolve);
      AbortSignal.timeout(10_000).addEventListener("abort", () => reject(new Error(`No answer to ${code}`)));
      tell(code, id);
      const { result, failure } = await promise;
      return failure ?? result;
    },
    close() {
      connection?.destroy();
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
