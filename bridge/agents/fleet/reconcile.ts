import type { ContainerRecord } from "../../containers/index.ts";
import type { AgentRecord } from "../instance/store.ts";

export interface StartPlan {
  /** The agents that should run, each with its container if that still runs. */
  readonly start: readonly { readonly record: AgentRecord; readonly adopted: ContainerRecord | undefined }[];
  /** Containers of this install that belong to no such agent. */
  readonly remove: readonly ContainerRecord[];
}

/** Plans the start of a bridge from its records and the engine's list, which holds only containers of this install. */
export function planStart(records: readonly AgentRecord[], containers: readonly ContainerRecord[]): StartPlan {
  const start = records
    .filter(({ desired }) => desired === "run")
    .map((record) => ({
      record: { ...record, epoch: highestEpoch(record, containers) },
      adopted: containers.find(
        ({ agentId, epoch, running }) => running && agentId === record.agentId && epoch === record.epoch,
      ),
    }));
  const adopted = new Set(start.map((one) => one.adopted));
  return { start, remove: containers.filter((container) => !adopted.has(container)) };
}

/** The highest epoch in use: a crash may have come between a start and its record. */
function highestEpoch({ agentId, epoch }: AgentRecord, containers: readonly ContainerRecord[]): number {
  return Math.max(epoch, ...containers.filter((one) => one.agentId === agentId).map((one) => one.epoch));
}

/** A container that a live agent has, or is about to have. */
export interface Held {
  readonly agentId: string;
  readonly epoch: number;
}

/** Finds containers that no agent has, now and at the check before. Every start and end settles between two checks. */
export function findOrphans(
  containers: readonly ContainerRecord[],
  held: readonly Held[],
  suspects: ReadonlySet<string>,
): { readonly orphans: readonly ContainerRecord[]; readonly suspects: ReadonlySet<string> } {
  const isHeld = ({ agentId, epoch }: ContainerRecord) =>
    held.some((one) => one.agentId === agentId && one.epoch === epoch);
  const unheld = containers.filter((container) => !isHeld(container));
  return {
    orphans: unheld.filter(({ id }) => suspects.has(id)),
    suspects: new Set(unheld.map(({ id }) => id)),
  };
}
