import { BridgeError } from "@armorclaw/protocol/errors";
import { limits } from "@armorclaw/protocol/limits";
import { findCommand, isGroup } from "./commands/find-command.ts";
import { loadRunner, type RunnerLoader } from "./commands/load-runner.ts";
import { overview } from "./commands/overview.ts";
import { exitCodes } from "./core/exit-codes.ts";
import { reportFailure } from "./core/failure.ts";
import { convert, type FlagSpec, parseArgs, tokensOf } from "./core/flags.ts";
import { globalFlags } from "./core/global-flags.ts";
import type { Invocation, Runner } from "./core/invocation.ts";
import { type CliIo, isBrokenPipe } from "./core/io.ts";
import { createOutput } from "./core/output.ts";
import { UsageError } from "./core/usage-error.ts";

/** The commands that the process's entry runs, because they are no clients of the bridge. They handle signals themselves. */
export type EntryCommands = Readonly<Record<string, RunnerLoader>>;

/**
 * Runs one command line (without the program's name) and returns the exit code. Heavy modules are imported only once the
 * command is known, so that help is quick.
 */
export async function runCli(argv: readonly string[], io: CliIo, entryCommands: EntryCommands = {}): Promise<number> {
  const interrupt = new AbortController();
  using listener = io.onInterrupt(() => interrupt.abort());
  const interrupts = { signal: interrupt.signal, stop: () => listener[Symbol.dispose]() };
  try {
    const code = await dispatch(argv, io, interrupts, entryCommands);
    await io.stdout.flushed();
    return code;
  } catch (error) {
    if (isBrokenPipe(error)) return exitCodes.ok;
    if (interrupt.signal.aborted) return exitCodes.interrupted;
    return reportFailure(error, io, hasFlag(argv, "json"));
  }
}

interface Interrupts {
  /** Aborts at Ctrl-C and at SIGTERM. */
  readonly signal: AbortSignal;
  /** Stops listening, for a command that handles both itself. */
  stop(): void;
}

async function dispatch(
  argv: readonly string[],
  io: CliIo,
  interrupts: Interrupts,
  entryCommands: EntryCommands,
): Promise<number> {
  const { leading, words } = splitLeadingFlags(argv);
  const readStdin = stdinReader(io);
  if (words.length === 0 || (words.length === 1 && words[0] === "help")) {
    if (hasFlag(leading, "version"))
      return dispatch([...leading.filter((flag) => !versionFlag.test(flag)), "version"], io, interrupts, {});
    await parseArgs(leading, [...globalFlags, version], readStdin);
    const output = createOutput(io, { json: false, quiet: false });
    output.text(overview(output.view().paint));
    return exitCodes.ok;
  }
  if (hasFlag(words, "help") && isGroup(words)) return await printHelp(words.slice(0, 1), io);
  const found = await findCommand(words);
  const parsed = await parseArgs([...leading, ...found.rest], [...found.flags, ...globalFlags], readStdin);
  const { json, quiet, timeout, socket, help, ...flags } = parsed.values;
  if (help === true) return await printHelp(found.name.split(" "), io);
  const { values, positionals } = assignPositionals(found, flags, parsed.positionals);
  const out = createOutput(io, { json: json === true, quiet: quiet === true });
  const deadline = deadlineSignal(timeout);
  const entryCommand = entryCommands[found.name];
  if (entryCommand !== undefined && socket !== undefined)
    throw new UsageError(`armorclaw ${found.name} connects to no bridge`, "Leave out --socket; --help lists the flags");
  if (entryCommand !== undefined) interrupts.stop();
  const signal = deadline === undefined ? interrupts.signal : AbortSignal.any([interrupts.signal, deadline]);
  const call = { io, out, signal, values, positionals, readStdin };
  try {
    const run = await (entryCommand ?? (() => loadRunner(found)))();
    const code = await runConnected(call, typeof socket === "string" ? socket : undefined, run);
    signal.throwIfAborted();
    return code;
  } catch (error) {
    if (deadline?.aborted !== true || interrupts.signal.aborted) throw error;
    const message = `armorclaw ${found.name} took longer than ${String(timeout)} s`;
    throw new BridgeError("TIMED_OUT", message, undefined, { cause: error });
  }
}

async function printHelp(words: readonly string[], io: CliIo): Promise<number> {
  const { commandHelp } = await import("./commands/help.ts");
  const out = createOutput(io, { json: false, quiet: false });
  out.text(await commandHelp(words, out.view()));
  return exitCodes.ok;
}

/** Assigns arguments to the flags that they stand for. @throws UsageError for more arguments than the command takes */
function assignPositionals(
  { name, flags, positional, argumentsMax }: Awaited<ReturnType<typeof findCommand>>,
  given: Readonly<Record<string, unknown>>,
  args: readonly string[],
) {
  const values: Record<string, unknown> = { ...given };
  const positionals = [...args];
  for (const argument of positional) {
    const flag = flags.find(({ key }) => key === argument);
    if (flag === undefined || values[argument] !== undefined || positionals.length === 0) continue;
    if (flag.kind === "list") values[flag.key] = positionals.splice(0).map((text) => convert(flag, text));
    else values[flag.key] = convert(flag, positionals.shift() ?? "");
  }
  const surplus = positionals[argumentsMax];
  if (surplus !== undefined) {
    throw new UsageError(`Unexpected argument ${surplus}`, `\`armorclaw ${name} --help\` lists the arguments`);
  }
  return { values, positionals };
}

/** Runs the command with a `connect` whose connections are closed when it ends. */
async function runConnected(
  call: Omit<Invocation, "connect" | "socketPaths">,
  socket: string | undefined,
  run: Runner,
): Promise<number> {
  await using opened = new AsyncDisposableStack();
  const where = [call.io.env, process.getuid?.(), process.platform] as const;
  const socketPaths: Invocation["socketPaths"] = async () => {
    const { clientSocketPaths } = await import("../config/index.ts");
    return socket === undefined ? clientSocketPaths(...where) : [socket];
  };
  const connect: Invocation["connect"] = async ({ reconnect = false, socket: named } = {}) => {
    const { CliConnection } = await import("./core/cli-connection.ts");
    const { clientSealKey, clientServerUid } = await import("../config/index.ts");
    const sockets = socket === undefined && named !== undefined ? [named] : await socketPaths();
    const sealKey = clientSealKey(...where);
    const serverUid = clientServerUid(call.io.env);
    return opened.use(await CliConnection.open({ sockets, sealKey, serverUid, signal: call.signal, reconnect }));
  };
  return await run({ ...call, socketPaths, connect });
}

const version: FlagSpec = { name: "version", key: "version", kind: "boolean", short: "v", description: "" };
const versionFlag = /^(?:-v|--version)$/;

/** Whether a global flag is given anywhere in the command line. */
const hasFlag = (argv: readonly string[], name: string): boolean =>
  tokensOf(argv, [...globalFlags, version]).some(
    (token) => token.kind === "option" && token.name === name && token.value !== "false",
  );

interface SplitArgv {
  readonly leading: readonly string[];
  readonly words: readonly string[];
}

/** Global flags may come before the command. */
function splitLeadingFlags(argv: readonly string[]): SplitArgv {
  const first = tokensOf(argv, [...globalFlags, version]).find(({ kind }) => kind === "positional");
  const at = first?.index ?? argv.length;
  return { leading: argv.slice(0, at), words: argv.slice(at) };
}

function deadlineSignal(seconds: unknown): AbortSignal | undefined {
  if (typeof seconds !== "number") return undefined;
  if (seconds <= 0 || seconds > 2_000_000) {
    throw new UsageError("--timeout must be above 0 and at most 2000000 seconds", "Write e.g. --timeout 10");
  }
  return AbortSignal.timeout(seconds * 1000);
}

/** Reads stdin once, up to what one call can carry. */
function stdinReader(io: CliIo): () => Promise<string> {
  let text: Promise<string> | undefined;
  const read = async () => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of io.stdin) {
      bytes += chunk.length;
      if (bytes > limits.frameBytesMax)
        throw new BridgeError("FRAME_TOO_LARGE", `stdin is longer than ${limits.frameBytesMax} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  };
  return () => (text ??= read());
}
