import type { ContainerId } from "@armorclaw/protocol";
import type { Container, ContainerSpec, Engine } from "../port/engine.ts";

/** What acts on containers while the bridge cannot. */
export interface ContainerGuard {
  /** @returns ends it */
  hold(id: string, pid: number): () => void;
}

/** The same engine, whose containers on this machine the guard knows from their start to their end. */
export function guardedEngine(engine: Engine, guard: ContainerGuard): Engine {
  const guarded = (container: Container): Container => {
    if (container.pid !== null) void container.gone.then(guard.hold(container.id, container.pid));
    return container;
  };
  return {
    kind: engine.kind,
    get status() {
      return engine.status;
    },
    uidForSlot: (slot) => engine.uidForSlot(slot),
    prepare: (onProgress) => engine.prepare(onProgress),
    start: async (spec: ContainerSpec, signal: AbortSignal) => guarded(await engine.start(spec, signal)),
    adopt: async (spec: ContainerSpec, id: ContainerId, signal: AbortSignal) => {
      const container = await engine.adopt(spec, id, signal);
      return container === undefined ? undefined : guarded(container);
    },
    list: (signal) => engine.list(signal),
    remove: (id, signal) => engine.remove(id, signal),
    ping: (signal) => engine.ping(signal),
    close: () => engine.close(),
  };
}
