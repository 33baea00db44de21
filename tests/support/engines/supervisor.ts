import type { LoopManifestInput } from "@armorclaw/protocol";
import {
  type AgentInbox,
  type AgentRecords,
  AgentSupervisor,
  type SupervisorSettings,
} from "../../../bridge/agents/index.ts";
import { Workspaces } from "../../../bridge/containers/index.ts";
import { contractEvent, type EventDraft } from "../../../bridge/events/index.ts";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { type Clock, systemClock } from "../../../bridge/platform/clock.ts";
import { FakeEngine } from "./fake-engine.ts";

type AgentRecord = Parameters<AgentRecords["put"]>[0];

/** The desired state, in memory. */
export class MemoryRecords implements AgentRecords {
  readonly rows = new Map<string, AgentRecord>();
  #panic: ReturnType<AgentRecords["panic"]>;

  all() {
    return [...this.rows.values()];
  }

  get(agentId: string) {
    return this.rows.get(agentId);
  }

  async put(record: AgentRecord): Promise<void> {
    this.rows.set(record.agentId, record);
  }

  async settled(): Promise<void> {}

  panic() {
    return this.#panic;
  }

  setPanic(panic: ReturnType<AgentRecords["panic"]>): void {
    this.#panic = panic;
  }

  holding: ReturnType<AgentRecords["holdingEngine"]>;

  holdingEngine() {
    return this.holding;
  }

  setHoldingEngine(kind: ReturnType<AgentRecords["holdingEngine"]>): void {
    this.holding = kind;
  }
}

export const manifest = (name: string, restart: LoopManifestInput["restart"] = "always"): LoopManifestInput => ({
  name,
  summary: "A loop.",
  grants: [],
  limits: { memory_bytes: 134_217_728, cpus: 0.5, pids: 32, tmp_bytes: 16_777_216 },
  schedule: { every_ms: 1000 },
  heartbeat_ms: 1000,
  restart,
});

export const settings: SupervisorSettings = {
  start: [],
  max: 3,
  helloDeadlineMs: 5_000,
  hangAfterMs: 60_000,
  stopGraceMs: 100,
  reconcileMs: 60_000,
  usageIntervalMs: 60_000,
  logBytesMax: 10_000,
  logBytesPerSecond: 1_000,
  eventsPerSecond: 1_000,
  eventBytesPerSecond: 10_000_000,
  restart: { initialMs: 1, maxMs: 4, healthyAfterMs: 60_000, failuresMax: 4, windowMs: 60_000 },
  loops: {},
};

/** The stream stays empty. */
const emptyInbox: AgentInbox = {
  keep: async () => undefined,
  whenNeeded: (_, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined))),
  takenAtMs: () => 0,
};

/** A supervisor over a fake engine whose agents send hello as soon as their container runs. */
export function setUp(
  overrides: Partial<SupervisorSettings> = {},
  options: {
    hello?: boolean;
    /** Which agents say hello; all when left out. */
    greets?: (agentId: string) => boolean;
    records?: MemoryRecords;
    engine?: FakeEngine;
    clock?: Clock;
    manifests?: LoopManifestInput[];
    inbox?: AgentInbox;
  } = {},
) {
  const { engine = new FakeEngine(), records = new MemoryRecords(), clock = systemClock } = options;
  const seen: EventDraft[] = [];
  const opened: string[] = [];
  const closed: string[] = [];
  const supervisor = new AgentSupervisor(
    {
      engine,
      endpoints: {
        async open(agentId, epoch) {
          const directory = `/run/agents/${agentId}.${epoch}`;
          opened.push(directory);
          if (options.hello !== false && options.greets?.(agentId) !== false)
            void supervisor
              .get(agentId)
              .hello()
              .catch(() => undefined);
          return { directory, socketPath: `${directory}/agent.sock`, close: async () => void closed.push(directory) };
        },
      },
      workspaces: new Workspaces("/nonexistent"),
      manifests: options.manifests ?? [manifest("pulse"), manifest("errand", "on-failure"), manifest("once", "never")],
      roomChannels: (roomId) => `matrix.${roomId}.>`,
      records,
      inbox: options.inbox ?? emptyInbox,
      publish: (type, source, data) => void seen.push(contractEvent(type, source, data)),
      clock,
      random: () => 0.5,
      logger: silentLogger,
    },
    { ...settings, ...overrides },
  );
  const types = () => seen.map(({ type, data }) => `${type} ${String(data["agent_id"])}`);
  return { supervisor, engine, records, seen, types, opened, closed };
}
