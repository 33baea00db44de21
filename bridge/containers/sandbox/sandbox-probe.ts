import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { AgentId, BridgeError, type EngineStatus, LoopName } from "@armorclaw/protocol";
import { beforeAbort } from "../../platform/abort.ts";
import type { Container, ContainerSpec } from "../port/engine.ts";
import { messageOf, unboundedSwap } from "../port/engine-options.ts";
import { installHint, launcherEnvironment } from "./bubblewrap.ts";
import { workspaceStatus } from "./workspaces.ts";

export interface SandboxProbe {
  readonly isRoot: boolean;
  readonly controllers: readonly string[];
  readonly boundsSwap: boolean;
  readonly directory: string;
  start(spec: ContainerSpec, command: readonly string[]): Promise<Container>;
}

const probeTimeoutMs = 10_000;
/** The probe's program: it prints `ready`, then sleeps until it is killed. */
const probeScript =
  'require("node:fs").writeSync(1, "ready\\n"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)';

/** Starts a sandbox, reads its isolation back from the kernel, and describes which protections hold here and which are missing. */
export async function probeSandbox(probe: SandboxProbe): Promise<EngineStatus> {
  const version = await bubblewrapVersion();
  const endpointDirectory = join(probe.directory, `probe-${process.pid}`);
  mkdirSync(endpointDirectory, { recursive: true });
  chmodSync(endpointDirectory, 0o711);
  try {
    const container = await probe.start(probeSpec(endpointDirectory), ["-e", probeScript]).catch(unavailable);
    try {
      await untilReady(container);
      const { missing } = await container.attest();
      if (missing.length > 0) throw unusable(`the kernel does not confirm ${missing.join(", ")}`);
    } finally {
      await container.kill();
    }
  } finally {
    rmSync(endpointDirectory, { recursive: true, force: true });
  }
  return { kind: "sandbox", version, isolation: "sandbox", ...describe(probe) };
}

function describe({ isRoot, controllers, boundsSwap }: SandboxProbe): Pick<EngineStatus, "protections" | "missing"> {
  const [limited, unlimited] = ["memory", "pids", "cpu"].reduce<[string[], string[]]>(
    ([yes, no], name) => (controllers.includes(name) ? [[...yes, name], no] : [yes, [...no, name]]),
    [[], []],
  );
  const words: Readonly<Record<string, string>> = { memory: "memory", pids: "processes", cpu: "processor time" };
  const inWords = (names: readonly string[]) => names.map((name) => words[name]).join(", ");
  return {
    protections: [
      "no network at all: only the agent's own socket to the bridge",
      "a file system of its own, read-only, with Node and the agent and no other program",
      "its own process list, host name, shared memory and user namespace",
      "no capabilities, no new privileges, and a system call filter that allows no child process",
      "no core files, no message queues, and a bound on open files",
      isRoot ? "a /tmp of bounded size and number of files that runs no programs" : "a /tmp of bounded size",
      ...(isRoot ? ["a user id of its own for each agent"] : []),
      ...workspaceStatus.protections,
      ...(limited.length > 0 ? [`limits by cgroup: ${inWords(limited)}`] : []),
    ],
    missing: [
      ...workspaceStatus.missing,
      ...(isRoot
        ? []
        : [
            "a user id of its own for each agent: the bridge does not run as root",
            "a /tmp that runs no programs and holds a bounded number of files: only root can mount it so (its size is bounded)",
          ]),
      ...(controllers.includes("memory") && !boundsSwap ? [unboundedSwap] : []),
      ...(unlimited.length > 0
        ? [
            `limits by cgroup on ${inWords(unlimited)}: run the bridge as a systemd service with Delegate=yes, or as root; until then V8's heap limit alone holds`,
          ]
        : []),
    ],
  };
}

async function bubblewrapVersion(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("bwrap", ["--version"], { env: launcherEnvironment, timeout: 5_000 });
    return stdout.trim();
  } catch (cause) {
    throw unusable(`bubblewrap is not installed; ${installHint}`, cause);
  }
}

const probeSpec = (endpointDirectory: string): ContainerSpec => ({
  agentId: AgentId.parse("probe"),
  loop: LoopName.parse("probe"),
  // Two bridges that start at once name their probes differently.
  epoch: process.pid,
  slot: 0,
  limits: { memory_bytes: 128 * 1024 * 1024, cpus: 1, pids: 32, tmp_bytes: 1024 * 1024 },
  grants: [],
  endpointDirectory,
});

async function untilReady(container: Container): Promise<void> {
  const lines: string[] = [];
  const ready = new Promise<true>((resolve) => {
    container.output(({ line }) => {
      if (line === "ready") resolve(true);
      else if (lines.length < 5) lines.push(line);
    });
  });
  const outcome = await beforeAbort(Promise.race([ready, container.exited]), AbortSignal.timeout(probeTimeoutMs));
  if (outcome === undefined) throw unusable("a trial sandbox did not answer");
  if (outcome !== true) throw unusable(lines.at(-1) ?? outcome.message);
}

function unavailable(cause: unknown): never {
  throw unusable(messageOf(cause), cause);
}

function unusable(why: string, cause?: unknown): BridgeError {
  const hint = /user namespace|uid map|Operation not permitted|Permission denied/i.test(why)
    ? "; this system forbids user namespaces: allow them (on Ubuntu an AppArmor profile for bwrap, in a container --security-opt seccomp=unconfined), or use Docker"
    : "";
  return new BridgeError("ENGINE_UNAVAILABLE", `Sandboxes do not work here: ${why}${hint}`, undefined, { cause });
}
