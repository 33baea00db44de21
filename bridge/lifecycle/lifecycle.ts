import { aborted } from "../platform/abort.ts";
/** A long-lived part of the daemon. Constructors only store what they are given. */
export interface Service {
  readonly name: string;
  /** Acquires resources. If it throws, it has released whatever it had acquired. */
  start(): Promise<void>;
  /** Refuses new work and finishes current work until `deadline` aborts. */
  drain?(deadline: AbortSignal): Promise<void>;
  /** Releases everything. Idempotent; called even if drain failed. */
  stop(): Promise<void>;
}

export interface LifecycleOptions {
  /** Aborting begins the orderly stop. */
  readonly until: AbortSignal;
  /** Time for all services together to drain. */
  readonly graceMs: () => number;
  /** Aborting ends the drain at once: the second signal. */
  readonly hurry: AbortSignal;
  readonly onStarted?: () => void;
  readonly onPhase?: (phase: "start" | "drain" | "stop", service: string) => void;
}

/**
 * Starts the services in order and keeps them until `until` aborts, then drains and stops what had started, in reverse.
 * A failed start rolls back. Every failure is reported: one alone as it is, several as an AggregateError.
 */
export async function runServices(services: readonly Service[], options: LifecycleOptions): Promise<void> {
  const started: Service[] = [];
  const failures: unknown[] = [];
  try {
    for (const service of services) {
      if (options.until.aborted) break;
      options.onPhase?.("start", service.name);
      await service.start();
      started.push(service);
    }
    if (!options.until.aborted) options.onStarted?.();
    await aborted(options.until);
  } catch (error) {
    failures.push(error);
  }
  const deadline = AbortSignal.any([AbortSignal.timeout(options.graceMs()), options.hurry]);
  for (const service of started.toReversed()) {
    if (service.drain === undefined) continue;
    options.onPhase?.("drain", service.name);
    await service.drain(deadline).catch((error: unknown) => failures.push(error));
  }
  for (const service of started.toReversed()) {
    options.onPhase?.("stop", service.name);
    await service.stop().catch((error: unknown) => failures.push(error));
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, "The bridge ended with several errors");
}

/** What `compose` makes where the configuration enables a part; undefined where it does not. */
export function whereEnabled<T>({ enabled }: { readonly enabled: boolean }, compose: () => T): T | undefined {
  return enabled ? compose() : undefined;
}
