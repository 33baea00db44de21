import { flushCompileCache } from "node:module";
import { BridgeError } from "@armorclaw/protocol/errors";
import { configOverrides } from "../cli/core/config-flags.ts";
import type { Runner } from "../cli/core/invocation.ts";
import { programVersion } from "../cli/core/program-version.ts";
import { UsageError } from "../cli/core/usage-error.ts";
import { exitCodes, type Invocation, reportFailure } from "../cli/index.ts";
import { clientSocketPaths, type LoadedConfig, loadConfig } from "../config/index.ts";
import { runDaemon } from "../daemon/daemon.ts";
import { createLogging, type Logging, type LogLevel } from "../logging/index.ts";
import { agentLine, banner } from "./banner.ts";

/** The bound on what follows the first signal, whatever hangs: the drain's own grace and this. */
const hardStopMs = 15_000;

/** `armorclaw run`: the daemon in the foreground, until a signal, `bridge.shutdown` or --timeout ends it. */
export const run: Runner = async (invocation) => {
  const { values, io, out } = invocation;
  let logging: Logging | undefined;
  try {
    const flags = configOverrides(values);
    const loaded = loadConfig({ flags, env: io.env, uid: process.getuid?.(), platform: process.platform });
    logging = createLogging(logLevel(loaded), process.stderr);
    await serve(loaded, logging, invocation);
    return exitCodes.ok;
  } catch (error) {
    const isBug = !(error instanceof BridgeError || error instanceof UsageError);
    if (isBug) logging?.child("main").error({ error }, "the bridge ended with an error");
    return reportFailure(error, io, out.isJson);
  } finally {
    await logging?.flush();
  }
};

async function serve(loaded: LoadedConfig, logging: Logging, { io, out, signal }: Invocation): Promise<void> {
  const { until, hurry, stop } = stopSignals(loaded.config.shutdownGraceMs + hardStopMs);
  const version = programVersion();
  const { paint } = out.view();
  await runDaemon(loaded, {
    version,
    logging,
    until: AbortSignal.any([until, signal]),
    hurry,
    hardStopMs,
    stop,
    validateResults: io.env["ARMORCLAW_TEST_VALIDATE"] === "1",
    credentialsDirectory: io.env["CREDENTIALS_DIRECTORY"],
    onServing: (engine) => {
      const clientEnv = { ...io.env, ARMORCLAW_RUNTIME_DIR: undefined };
      const [clientDefault] = clientSocketPaths(clientEnv, process.getuid?.(), process.platform);
      const { socketPath } = loaded;
      const stateDirectory = loaded.config.stateDir;
      const isDefaultSocket = clientDefault === socketPath;
      if (out.isJson) show(() => out.json({ version, socket: socketPath, state_dir: stateDirectory, engine }));
      else show(() => out.progress(banner({ version, engine, isDefaultSocket, socketPath, stateDirectory }, paint)));
      // A bridge that is killed would not keep what it has compiled, and its next start would take twice the time.
      flushCompileCache();
    },
    onEvent: (event) => {
      const line = agentLine(event, paint);
      if (line === undefined) return;
      if (out.isJson) show(() => out.json(event));
      else show(() => out.progress(line));
    },
  });
}

/** A stdout that nobody reads any more does not end the bridge. */
function show(write: () => void): void {
  try {
    write();
  } catch {
    // The log has the same facts.
  }
}

/** The first SIGINT, SIGTERM or SIGHUP (a closed terminal) begins the orderly stop, a second one ends the drain. */
function stopSignals(hardStopAfterMs: number) {
  const until = new AbortController();
  const hurry = new AbortController();
  const onSignal = () => (until.signal.aborted ? hurry.abort() : until.abort());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  // Without a listener Node opens its inspector at SIGUSR1, by which any process of the user runs code in the bridge.
  process.on("SIGUSR1", () => undefined);
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
