import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { parseArgs } from "node:util";
import { BridgeError } from "@armorclaw/protocol/errors";
import { configOverrides } from "../cli/core/config-flags.ts";
import { UsageError } from "../cli/core/usage-error.ts";
import { processIo, reportFailure } from "../cli/run-cli.ts";
import { clientSocketPaths, type LoadedConfig, loadConfig } from "../config/index.ts";
import { runDaemon } from "../daemon/daemon.ts";
import { createLogging, type Logging, type LogLevel } from "../logging/index.ts";
import { systemClock } from "../platform/clock.ts";
import { agentLine, banner, painter } from "./banner.ts";

/** The bound on what follows the first signal, whatever hangs: the drain's own grace and this. */
const hardStopMs = 15_000;

/** `armorclaw run`: the daemon in the foreground. Resolves to the exit code. */
export async function runForeground(argv: readonly string[]): Promise<number> {
  let logging: Logging | undefined;
  try {
    const loaded = loadConfig({
      flags: parseFlags(argv),
      env: process.env,
      uid: process.getuid?.(),
      platform: process.platform,
    });
    logging = createLogging(logLevel(loaded), process.stderr);
    await serve(loaded, logging);
    return 0;
  } catch (error) {
    return report(error, logging);
  } finally {
    await logging?.flush();
  }
}

async function serve(loaded: LoadedConfig, logging: Logging): Promise<void> {
  const { until, hurry, stop } = stopSignals(loaded.config.shutdownGraceMs + hardStopMs);
  const version = packageVersion();
  const paint = painter(process.stdout);
  await runDaemon(loaded, {
    version,
    logging,
    until,
    hurry,
    stop,
    validateResults: process.env["ARMORCLAW_TEST_VALIDATE"] === "1",
    credentialsDirectory: process.env["CREDENTIALS_DIRECTORY"],
    onServing: (engine) => {
      const [clientDefault] = clientSocketPaths(
        { ...process.env, ARMORCLAW_RUNTIME_DIR: undefined },
        process.getuid?.(),
        process.platform,
      );
      const isDefaultSocket = clientDefault === loaded.socketPath;
      const facts = {
        version,
        engine,
        isDefaultSocket,
        socketPath: loaded.socketPath,
        stateDirectory: loaded.config.stateDir,
      };
      process.stdout.write(banner(facts, paint));
      // A bridge that is killed would not keep what it has compiled, and its next start would take twice the time.
      flushCompileCache();
    },
    onEvent: (event) => {
      const line = agentLine(event, paint);
      if (line !== undefined) process.stdout.write(line);
    },
  });
}

const named = ["engine", "runtime-dir", "state-dir", "config", "log-level"] as const;

function parseFlags(argv: readonly string[]): Record<string, string> {
  const options = Object.fromEntries(named.map((name) => [name, { type: "string" as const }]));
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: { ...options, set: { type: "string", multiple: true } },
      strict: true,
    }));
  } catch (error) {
    throw new UsageError(
      error instanceof Error ? error.message : String(error),
      "`armorclaw run --help` lists the flags",
    );
  }
  return configOverrides(values);
}

/** The first SIGINT or SIGTERM begins the orderly stop, a second one ends the drain. */
function stopSignals(hardStopAfterMs: number) {
  const until = new AbortController();
  const hurry = new AbortController();
  const onSignal = () => (until.signal.aborted ? hurry.abort() : until.abort());
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
  until.signal.addEventListener("abort", () => {
    // Owned by the process: it is what ends a stop that hangs.
    AbortSignal.timeout(hardStopAfterMs).addEventListener("abort", () => process.kill(process.pid, "SIGKILL"));
  });
  return { until: until.signal, hurry: hurry.signal, stop: () => until.abort() };
}

/** On a terminal the banner and its lines tell what happens; the log then adds only what is wrong. */
function logLevel({ config, origins }: LoadedConfig): LogLevel {
  return process.stderr.isTTY && origins.get("log_level") === "default" ? "warn" : config.logLevel;
}

/** What a person can mend is told as the command line tells it; a bug goes to the log, where there is one. */
function report(error: unknown, logging: Logging | undefined): number {
  const isBug = !(error instanceof BridgeError || error instanceof UsageError);
  if (isBug) logging?.child("main").error({ error }, "the bridge ended with an error");
  return reportFailure(error, processIo(process, systemClock.now), false);
}

function packageVersion(): string {
  // package.json stands two folders up from the sources, three from dist/.
  for (const relative of ["../../package.json", "../../../package.json"]) {
    const text = readIfThere(new URL(relative, import.meta.url));
    if (text !== undefined) return (JSON.parse(text) as { version: string }).version;
  }
  throw new Error("package.json is missing");
}

function readIfThere(url: URL): string | undefined {
  try {
    return readFileSync(url, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
