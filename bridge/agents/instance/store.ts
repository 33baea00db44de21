import { AgentId, LoopName } from "@armorclaw/protocol";
import { bootId, type EngineKind, engineKinds } from "../../containers/index.ts";
import type { Row, Store } from "../../store/index.ts";

/** What the bridge keeps of an agent to start it again, or to adopt its container. */
export interface AgentRecord {
  readonly agentId: AgentId;
  readonly loop: LoopName;
  /** `default`: started because the configuration says so. */
  readonly origin: "default" | "operator";
  /** A record at `rest` is kept for its epoch alone, so that no epoch is used twice. */
  readonly desired: "run" | "rest";
  readonly slot: number;
  readonly epoch: number;
  readonly isPaused: boolean;
  /** The agent waits, without a container or with a frozen one, until something arrives for it. */
  readonly isSuspended: boolean;
  readonly restarts: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
}

export interface PanicRecord {
  readonly sinceMs: number;
  readonly reason: string;
}

/** The desired state, kept over restarts of the bridge. */
export interface AgentRecords {
  all(): readonly AgentRecord[];
  get(agentId: string): AgentRecord | undefined;
  /** Resolves when the record is durable. */
  put(record: AgentRecord): Promise<void>;
  /** Resolves when everything written to the store before, events included, is durable. */
  settled(): Promise<void>;
  panic(): PanicRecord | undefined;
  /** Durable when the call returns: a crash must not undo what follows. */
  setPanic(panic: PanicRecord | undefined): void;
  /** The engine that may run agents of this install now, whether or not a bridge runs. */
  holdingEngine(): EngineKind | undefined;
  /** Durable when the call returns: the engine is set before the first container and cleared after the last. */
  setHoldingEngine(kind: EngineKind | undefined): void;
}

/** Records at rest that are kept; the oldest are removed first. */
const restingMax = 1_000;

const putSql = `INSERT OR REPLACE INTO agents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const pruneSql = `DELETE FROM agents WHERE desired = 'rest' AND agent_id NOT IN
  (SELECT agent_id FROM agents WHERE desired = 'rest' ORDER BY created_at_ms DESC LIMIT ${restingMax})`;

/** The agents' records in the bridge's store. */
export class AgentStore implements AgentRecords {
  readonly #store: Store;
  /** The rows as last written, including those that are not committed yet. */
  readonly #rows: Map<string, AgentRecord>;

  constructor(store: Store) {
    this.#store = store;
    const rows = store.read((sql) => sql.all("SELECT * FROM agents ORDER BY created_at_ms, agent_id"));
    this.#rows = new Map(rows.map(fromRow).map((record) => [record.agentId, record]));
  }

  all(): readonly AgentRecord[] {
    return [...this.#rows.values()];
  }

  get(agentId: string): AgentRecord | undefined {
    return this.#rows.get(agentId);
  }

  async put(record: AgentRecord): Promise<void> {
    this.#rows.set(record.agentId, record);
    const { agentId, loop, origin, desired, slot, epoch, restarts, createdAtMs, expiresAtMs } = record;
    const [isPaused, isSuspended] = [Number(record.isPaused), Number(record.isSuspended)];
    const values = [
      agentId,
      loop,
      origin,
      desired,
      slot,
      epoch,
      isPaused,
      restarts,
      createdAtMs,
      expiresAtMs,
      isSuspended,
    ];
    await this.#store.write((sql) => {
      sql.run(putSql, ...values);
      if (desired === "rest") sql.run(pruneSql);
    });
  }

  async settled(): Promise<void> {
    await this.#store.write(() => undefined);
  }

  panic(): PanicRecord | undefined {
    const row = this.#store.read((sql) => sql.get("SELECT since_ms, reason FROM panic"));
    return row === undefined ? undefined : { sinceMs: Number(row["since_ms"]), reason: String(row["reason"]) };
  }

  setPanic(panic: PanicRecord | undefined): void {
    this.#store.writeNow((sql) => {
      if (panic === undefined) sql.run("DELETE FROM panic");
      else sql.run("INSERT OR REPLACE INTO panic VALUES (1, ?, ?)", panic.sinceMs, panic.reason);
    });
  }

  /** No agent outlives the machine's boot, and none is left running when none is desired. */
  holdingEngine(): EngineKind | undefined {
    if (!this.all().some(({ desired }) => desired === "run")) return undefined;
    const row = this.#store.read((sql) => sql.get("SELECT kind, boot_id FROM holding_engine"));
    return row?.["boot_id"] === bootId() ? engineKinds.find((kind) => kind === row["kind"]) : undefined;
  }

  setHoldingEngine(kind: EngineKind | undefined): void {
    this.#store.writeNow((sql) => {
      if (kind === undefined) sql.run("DELETE FROM holding_engine");
      else sql.run("INSERT OR REPLACE INTO holding_engine VALUES (1, ?, ?)", kind, bootId());
    });
  }
}

function fromRow(row: Row): AgentRecord {
  return {
    agentId: AgentId.parse(row["agent_id"]),
    loop: LoopName.parse(row["loop"]),
    origin: row["origin"] === "default" ? "default" : "operator",
    desired: row["desired"] === "run" ? "run" : "rest",
    slot: Number(row["slot"]),
    epoch: Number(row["epoch"]),
    isPaused: row["is_paused"] === 1,
    isSuspended: row["is_suspended"] === 1,
    restarts: Number(row["restarts"]),
    createdAtMs: Number(row["created_at_ms"]),
    expiresAtMs: row["expires_at_ms"] === null ? null : Number(row["expires_at_ms"]),
  };
}
