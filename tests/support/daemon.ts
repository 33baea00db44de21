import { spawn } from "node:child_process";
import { join } from "node:path";
import { type BridgeClient, connect } from "@armorclaw/client-sdk";
import { collect, type Finished, type Running } from "./collect.ts";
import { tempDirectory } from "./temp.ts";
import { Hopeless, until } from "./until.ts";

export const repositoryRoot = new URL("../..", import.meta.url).pathname;
export const nodeBinary = join(repositoryRoot, "node_modules/node/bin/node");
export const program = join(repositoryRoot, "bin/armorclaw.mjs");

/** The environment of a person without settings, plus `extra`. */
const cleanEnvironment = (extra: Record<string, string>) => ({
  PATH: process.env["PATH"] ?? "",
  HOME: process.env["HOME"] ?? "/",
  ...extra,
});

/** Starts the real program. */
export const run = (args: readonly string[], env: Record<string, string> = {}, input?: string): Running =>
  launch([nodeBinary, program], args, env, input);

function launch(
  [command, ...first]: readonly [string, ...string[]],
  args: readonly string[],
  env: Record<string, string>,
  input?: string,
): Running {
  return collect(spawn(command, [...first, ...args], { env: cleanEnvironment(env) }), input);
}

/** Runs a line in a shell. */
export const shell = (line: string, env: Record<string, string> = {}): Promise<Finished> =>
  collect(spawn("sh", ["-c", line], { env: cleanEnvironment(env), cwd: repositoryRoot })).finished;

export interface TestDaemonOptions {
  /** The command that starts the daemon, in place of node and this repository's program. */
  readonly command?: readonly [string, ...string[]];
  readonly engine: "auto" | "docker" | "sandbox" | "process";
  readonly env?: Record<string, string>;
  readonly flags?: readonly string[];
  /** The loops that start with it. The default is none. */
  readonly start?: readonly string[];
  /** The key file of its sealed socket, and the key. */
  readonly seal?: { readonly file: string; readonly key: Uint8Array };
  /** The directories of an earlier daemon, for a new start on them. */
  readonly directories?: { readonly runtime: string; readonly state: string };
}

export interface TestDaemon extends AsyncDisposable {
  readonly process: Running;
  readonly pid: number;
  readonly socket: string;
  readonly directories: { readonly runtime: string; readonly state: string };
  readonly client: BridgeClient;
  /** Runs the CLI against it. */
  cli(args: readonly string[], input?: string): Promise<Finished>;
  /** Starts the CLI against it, for commands that follow. */
  follow(args: readonly string[]): Running;
  /** Sends the signal and waits for the daemon's end. */
  end(signal: NodeJS.Signals): Promise<Finished>;
}

/** The real bridge, from its real entry, on its real socket. */
export async function startTestDaemon(options: TestDaemonOptions): Promise<TestDaemon> {
  const temp = tempDirectory();
  const directories = options.directories ?? { runtime: join(temp.path, "r"), state: join(temp.path, "s") };
  const socket = join(directories.runtime, "bridge.sock");
  const flags = ["--engine", options.engine, "--runtime-dir", directories.runtime, "--state-dir", directories.state];
  const set = ["--set", `agents.start=${(options.start ?? []).join(",")}`];
  const sealed: Record<string, string> = options.seal ? { ARMORCLAW_RPC_SEAL_KEY_FILE: options.seal.file } : {};
  const sealKey = options.seal ? { sealKey: options.seal.key } : {};
  const words = ["run", ...flags, ...set, ...(options.flags ?? [])];
  const daemon = launch(options.command ?? [nodeBinary, program], words, { ...options.env, ...sealed });
  const env = { ARMORCLAW_SOCKET: socket, ...sealed };
  const followers: Running[] = [];
  const hasEnded = () => daemon.child.exitCode !== null || daemon.child.signalCode !== null;
  const end = async (signal: NodeJS.Signals) => {
    daemon.child.kill(signal);
    return await daemon.finished;
  };
  try {
    const client = await until(
      "the bridge's socket",
      async () => {
        if (hasEnded()) throw new Hopeless("The bridge ended");
        return await connect({ socketPath: socket, reconnect: false, ...sealKey });
      },
      60_000,
    );
    return {
      process: daemon,
      pid: daemon.child.pid ?? 0,
      socket,
      directories,
      client,
      cli: (args, input) => run(args, env, input).finished,
      follow(args) {
        const follower = run(args, env);
        followers.push(follower);
        return follower;
      },
      end,
      async [Symbol.asyncDispose]() {
        await client.close();
        // A test that fails leaves its followers running, and jest would wait for them.
        for (const { child } of followers) child.kill("SIGKILL");
        if (!hasEnded()) await end("SIGTERM");
        temp[Symbol.dispose]();
      },
    };
  } catch (error) {
    const { code, signal, stderr } = await end("SIGKILL");
    temp[Symbol.dispose]();
    const ended = error instanceof Hopeless ? ` and ended with ${code ?? signal}` : "";
    throw new Error(`The bridge did not serve${ended}; it said: ${stderr.slice(-2_000)}`, { cause: error });
  }
}
