import { join } from "node:path";
import { AgentStore } from "../agents/index.ts";
import type { LoadedConfig } from "../config/index.ts";
import { Guard, guardedEngine, takePanic } from "../containers/index.ts";
import { DurableEventLog, eventPublisher } from "../events/index.ts";
import { runServices } from "../lifecycle/index.ts";
import { systemClock, timestamp } from "../platform/clock.ts";
import { keepInheritedDescriptors } from "../platform/os/inherited-descriptors.ts";
import { loadNativeCalls } from "../platform/os/peer-credentials.ts";
import { openStateDirectory } from "../platform/os/state-directory.ts";
import { Store } from "../store/index.ts";
import type { DaemonOptions } from "./daemon-options.ts";
import { composeEngine } from "./engine.ts";
import type { Ground } from "./ground.ts";
import { migrations } from "./migrations.ts";
import { composeServices } from "./services.ts";

/** Beside the control socket. */
const panicSocketName = "panic.sock";

/** Opens the store and the engine, composes the services on them and runs the services until they are asked to stop. */
export async function runDaemon({ config, socketPath }: LoadedConfig, options: DaemonOptions): Promise<void> {
  const { logging, version } = options;
  const clock = systemClock;
  const native = loadNativeCalls();
  if (native?.hideMemory() === false) logging.child("daemon").warn({}, "core files could not be forbidden");
  keepInheritedDescriptors(native);
  const installId = openStateDirectory(config.stateDir);
  // Opening the store takes the state directory for this process alone.
  using store = new Store(join(config.stateDir, "store.db"), migrations, timestamp(clock), config.store);
  const records = new AgentStore(store);
  const holding = records.holdingEngine();
  const opened = await composeEngine(config, { installId, native, holding, clock, logger: logging.child("engine") });
  const panicFile = join(config.stateDir, "panic-asked-for");
  const guard = new Guard({
    socketPath: join(config.runtimeDir, panicSocketName),
    panicFile,
    stopGraceMs: config.agents.stopGraceMs,
    hardStopMs: config.shutdownGraceMs + options.hardStopMs,
    native,
    logger: logging.child("guard"),
  });
  const engine = guardedEngine(opened, guard);
  takePanic(panicFile, (reason) => records.setPanic({ sinceMs: clock.now(), reason }));
  const log = new DurableEventLog({ store, clock, logger: logging.child("events"), retention: config.events });
  const publish = eventPublisher(log, logging.child("events"));
  const common = { version, installId, config, clock, random: Math.random, logging, native };
  const ground: Ground = { ...common, store, records, engine, log, publish };
  const stopping = { graceMs: config.shutdownGraceMs, stop: options.stop };
  const logger = logging.child("daemon");
  try {
    await runServices(composeServices(ground, socketPath, options, stopping, guard), {
      until: options.until,
      hurry: options.hurry,
      graceMs: () => stopping.graceMs,
      onPhase: (phase, service) => logger.info({ phase, service }, "lifecycle"),
    });
  } finally {
    await guard.close();
  }
}
