import type { ContainerRecord } from "../../containers/index.ts";
import type { AgentRecord } from "../instance/records.ts";

export interface StartPlan {
  /** What should run, each with its container where that still does. */
  readonly start: readonly { readonly record: AgentRecord; readonly adopted: ContainerRecord | undefined }[];
  /** Containers of this install that nobody wants. */
  readonly remove: readonly ContainerRecord[];
}

/** What a bridge that starts does with what should run and what the engine says. Only containers of this install are given. */
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

/** No container of the agent has a later epoch: a crash may have come between a start and its record. */
function highestEpoch({ agentId, epoch }: AgentRecord, containers: readonly ContainerRecord[]): number {
  return Math.max(epoch, ...containers.filter((one) => one.agentId === agentId).map((one) => one.epoch));
}

/** What a live agent holds, or is about to hold. */
export interface Held {
  readonly agentId: string;
  readonly epoch: number;
}

/** Containers that no agent of this bridge holds, now and at the look before: between two looks every start and end settles. */
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
