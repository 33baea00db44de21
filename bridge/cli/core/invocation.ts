import type { CliConnection } from "./cli-connection.ts";
import type { ReadStdin } from "./flags.ts";
import type { CliIo } from "./io.ts";
import type { Output } from "./output.ts";

/** One run of one command, with its parsed command line. */
export interface Invocation {
  readonly io: CliIo;
  readonly out: Output;
  /** Aborts at Ctrl-C, at SIGTERM and at --timeout. */
  readonly signal: AbortSignal;
  readonly values: Readonly<Record<string, unknown>>;
  readonly positionals: readonly string[];
  readonly readStdin: ReadStdin;
  /** Where the bridge may listen: the socket that the command line names, or else those of this user. */
  socketPaths(): Promise<readonly string[]>;
  /** Connects to the bridge; the connection is closed when the command ends. */
  connect(options?: { readonly reconnect?: boolean; readonly socket?: string }): Promise<CliConnection>;
}

/** Runs a command and returns its exit code. */
export type Runner = (invocation: Invocation) => Promise<number>;
