import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentId, LoopName } from "@armorclaw/protocol";
import type { Engine, EngineKind, EngineOptions } from "../../../bridge/containers/index.ts";
import { forbiddenCalls, foreignCall } from "./attack-calls.ts";
import { attackProgram, type RawCall, readResults } from "./attack-elf.ts";
import { hostFile, type ScriptAttack, scriptAttacks } from "./attack-scripts.ts";
import { openProbeEngine, probeLimits, probeOptions, startProbe } from "./engine-harness.ts";

/** The outcome of one attack. */
export interface AttackRow {
  readonly attack: string;
  /** The kernel's answer, as an errno or in words. */
  readonly result: string;
  readonly layer: string;
  readonly denied: boolean;
}

/** Runs every attack inside real containers of the engine: system calls from a special program, the rest from Node. */
export async function runAttacks(
  kind: EngineKind,
  directory: string,
  options: Partial<EngineOptions> = {},
): Promise<AttackRow[]> {
  writeFileSync(join(directory, hostFile), "canary", { mode: 0o644 });
  const rows = process.arch === "x64" ? await systemCalls(kind, directory, options) : [];
  const engine = await openProbeEngine(probeOptions(kind, directory, options));
  try {
    for (const attack of scriptAttacks(directory)) rows.push(await runScript(engine, directory, attack));
  } finally {
    await engine.close();
  }
  return rows;
}

async function systemCalls(kind: EngineKind, directory: string, options: Partial<EngineOptions>): Promise<AttackRow[]> {
  const answered = await runProgram(kind, directory, options, forbiddenCalls);
  const rows = [...readResults(forbiddenCalls, answered)].map(([attack, errno]) => ({
    attack,
    result: errno === 0 ? "succeeded" : errnoName(errno),
    layer: layerOf(attack, errno),
    denied: errno !== 0,
  }));
  const foreign = await runProgram(kind, directory, options, [foreignCall]);
  return [
    ...rows,
    { attack: foreignCall.name, result: foreign, layer: "system call filter", denied: foreign.includes("SIGSYS") },
  ];
}

/** Runs the attack program in place of Node, in an otherwise equal container. Returns its output, or how it ended. */
async function runProgram(
  kind: EngineKind,
  directory: string,
  options: Partial<EngineOptions>,
  calls: readonly RawCall[],
): Promise<string> {
  const own = join(directory, `calls-${calls.length}`);
  mkdirSync(own, { recursive: true });
  const program = join(own, "attack");
  writeFileSync(program, attackProgram(calls), { mode: 0o755 });
  const installId = `calls${process.pid}n${calls.length}`;
  const engine = await openProbeEngine(probeOptions(kind, own, { installId, nodeBinary: program, ...options }));
  const endpointDirectory = join(own, "run", "attack-1.1");
  mkdirSync(endpointDirectory, { recursive: true });
  chmodSync(endpointDirectory, 0o711);
  const spec = { agentId: AgentId.parse("attack-1"), loop: LoopName.parse("attack"), epoch: 1, slot: 600 };
  try {
    const container = await engine.start(
      { ...spec, limits: probeLimits, grants: [], endpointDirectory },
      AbortSignal.timeout(30_000),
    );
    const printed = new Promise<string>((resolve) => {
      container.output(({ line }) => {
        if (/^[A-P?]+$/.test(line)) resolve(line);
      });
    });
    const outcome = await Promise.race([printed, container.exited]);
    await container.kill();
    return typeof outcome === "string" ? outcome : outcome.message;
  } finally {
    await engine.close();
  }
}

const errnoNames: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  13: "EACCES",
  22: "EINVAL",
  38: "ENOSYS",
};
const errnoName = (errno: number): string => errnoNames[errno] ?? `errno ${errno}`;

/** The filter allows calls that set ids, for the runtime that drops its own; without capabilities the kernel refuses them. */
const ownRights = /root|groups|uid/;

function layerOf(name: string, errno: number): string {
  if (errno === 0) return "none";
  if (name === "another program") return "file system of its own: there is no other program";
  if (/privileges/.test(name)) return "the kernel: it cannot be undone";
  if (/capability/.test(name)) return "no capabilities";
  if (ownRights.test(name)) return "no capabilities";
  return "system call filter";
}

async function runScript(engine: Engine, directory: string, attack: ScriptAttack): Promise<AttackRow> {
  await using probe = await startProbe(engine, directory);
  if (attack.ends !== undefined) {
    probe.tell(attack.code);
    const exit = await probe.container.exited;
    return {
      attack: attack.name,
      result: exit.message,
      layer: attack.layer,
      denied: attack.ends.includes(exit.reason),
    };
  }
  const answer = await probe.evaluate(attack.code);
  const denied = attack.isDenied?.(answer) ?? (typeof answer === "string" && /^E[A-Z_]+$/.test(answer));
  return { attack: attack.name, result: String(answer), layer: attack.layer, denied };
}
