import { BridgeError } from "@armorclaw/protocol/errors";
import { limits } from "@armorclaw/protocol/limits";
import { findCommand } from "./commands/find-command.ts";
import { loadRunner } from "./commands/load-runner.ts";
import { helpText } from "./commands/overview.ts";
import type { CliConnection } from "./core/cli-connection.ts";
import { exitCodes } from "./core/exit-codes.ts";
import { reportFailure } from "./core/failure.ts";
import { convert, parseArgs } from "./core/flags.ts";
import { globalFlags } from "./core/global-flags.ts";
import type { Invocation } from "./core/invocation.ts";
import { type CliIo, isBrokenPipe } from "./core/io.ts";
import { createOutput } from "./core/output.ts";
import { UsageError } from "./core/usage-error.ts";

export { reportFailure } from "./core/failure.ts";
export { type CliIo, processIo } from "./core/io.ts";

/**
 * Runs one command line (without the program's name) and answers the exit code. Nothing heavy is imported before the
 * command is known: help must be quick.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const beforeEnd = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  const json = beforeEnd.includes("--json");
  const interrupt = new AbortController();
  using _listener = io.onInterrupt(() => interrupt.abort());
  try {
    return await dispatch(argv, io, interrupt.signal);
  } catch (error) {
    if (isBrokenPipe(error)) return exitCodes.ok;
    if (interrupt.signal.aborted) return exitCodes.interrupted;
    return reportFailure(error, io, json);
  }
}

async function dispatch(argv: readonly string[], io: CliIo, interrupted: AbortSignal): Promise<number> {
  const { leading, words } = splitLeadingFlags(argv);
  if (leading.includes("--version")) {
    return dispatch([...leading.filter((flag) => flag !== "--version"), "version"], io, interrupted);
  }
  if (words.length === 0 || (words.length === 1 && words[0] === "help")) {
    await parseArgs(leading, globalFlags, stdinReader(io));
    const output = createOutput(io, { json: false, quiet: false });
    output.text(helpText(output.view().paint));
    return exitCodes.ok;
  }
  const found = await findCommand(words);
  const { name, rest, flags, positional, argumentsMax } = found;
  const readStdin = stdinReader(io);
  const parsed = await parseArgs([...leading, ...rest], [...flags, ...globalFlags], readStdin);
  const { json, quiet, timeout, socket, help, ...values } = parsed.values;
  const out = createOutput(io, { json: json === true, quiet: quiet === true });
  if (help === true) {
    const { commandHelp } = await import("./commands/help.ts");
    out.text(await commandHelp(name.split(" "), out.view().paint));
    return exitCodes.ok;
  }
  const positionals = [...parsed.positionals];
  for (const wanted of positional) {
    if (values[wanted] !== undefined || positionals.length === 0) continue;
    const flag = flags.find(({ key }) => key === wanted);
    if (flag?.kind === "list") values[flag.key] = positionals.splice(0).map((text) => convert(flag, text));
    else if (flag !== undefined) values[flag.key] = convert(flag, positionals.shift() ?? "");
  }
  const surplus = positionals[argumentsMax];
  if (surplus !== undefined) {
    throw new UsageError(`Unexpected argument ${surplus}`, `\`armorclaw ${name} --help\` shows what it takes`);
  }
  const deadline = deadlineSignal(timeout);
  const signal = deadline === undefined ? interrupted : AbortSignal.any([interrupted, deadline]);
  const call = { io, out, signal, values, positionals, readStdin };
  try {
    const code = await runConnected(call, typeof socket === "string" ? socket : undefined, await loadRunner(found));
    signal.throwIfAborted();
    return code;
  } catch (error) {
    if (deadline?.aborted !== true || interrupted.aborted) throw error;
    throw new BridgeError("TIMED_OUT", `armorclaw ${name} took longer than ${String(timeout)} s`, undefined, {
      cause: error,
    });
  }
}

/** Runs the command with a `connect` whose connections are closed when it ends. */
async function runConnected(
  call: Omit<Invocation, "connect">,
  socket: string | undefined,
  run: (invocation: Invocation) => Promise<number>,
): Promise<number> {
  await using opened = new AsyncDisposableStack();
  const connect = async ({ reconnect } = { reconnect: false }): Promise<CliConnection> => {
    const { CliConnection } = await import("./core/cli-connection.ts");
    const { clientSealKey, clientSocketPaths } = await import("../config/index.ts");
    const where = [call.io.env, process.getuid?.(), process.platform] as const;
    const sockets = socket === undefined ? clientSocketPaths(...where) : [socket];
    const sealKey = clientSealKey(...where);
    return opened.use(await CliConnection.open({ sockets, sealKey, signal: call.signal, reconnect }));
  };
  return await run({ ...call, connect });
}

interface SplitArgv {
  readonly leading: readonly string[];
  readonly words: readonly string[];
}

/** Global flags may stand before the command. */
function splitLeadingFlags(argv: readonly string[]): SplitArgv {
  let index = 0;
  while (argv[index]?.startsWith("-") === true) {
    const flag = globalFlags.find(({ name }) => argv[index] === `--${name}`);
    index += flag === undefined || flag.kind === "boolean" ? 1 : 2;
  }
  return { leading: argv.slice(0, index), words: argv.slice(index) };
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
