import { AgentId, LoopName } from "@armorclaw/protocol";
import { bootId, type EngineKind, engineKinds } from "../../containers/index.ts";
import type { Migration, Row, Store } from "../../store/index.ts";

/** What the bridge must know of an agent to start it again, or to know it again when it is still there. */
export interface AgentRecord {
  readonly agentId: AgentId;
  readonly loop: LoopName;
  /** `default`: started because the configuration says so. */
  readonly origin: "default" | "operator";
  /** `rest` keeps nothing but the epoch, so that no epoch is ever used twice. */
  readonly desired: "run" | "rest";
  readonly slot: number;
  readonly epoch: number;
  readonly isPaused: boolean;
  /** It waits, without a container or with a frozen one, for something to come for it. */
  readonly isSuspended: boolean;
  readonly restarts: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
}

export interface PanicRecord {
  readonly sinceMs: number;
  readonly reason: string;
}

/** What is wanted, kept over restarts of the bridge. */
export interface AgentRecords {
  all(): readonly AgentRecord[];
  get(agentId: string): AgentRecord | undefined;
  /** Resolves when it is durable. */
  put(record: AgentRecord): Promise<void>;
  /** Resolves when all that was written to the store before, events included, is durable. */
  settled(): Promise<void>;
  panic(): PanicRecord | undefined;
  /** Durable when it returns: what follows must not be undone by a crash. */
  setPanic(panic: PanicRecord | undefined): void;
  /** The engine on which agents of this install may run now, whether or not a bridge does. */
  holdingEngine(): EngineKind | undefined;
  /** Durable when it returns: it precedes the first container, and its end follows the last. */
  setHoldingEngine(kind: EngineKind | undefined): void;
}

export const agentsMigrations: readonly Migration[] = [
  {
    domain: "agents",
    version: 1,
    sql: `CREATE TABLE agents (
      agent_id TEXT PRIMARY KEY, loop TEXT NOT NULL, origin TEXT NOT NULL, desired TEXT NOT NULL,
      slot INTEGER NOT NULL, epoch INTEGER NOT NULL, is_paused INTEGER NOT NULL, restarts INTEGER NOT NULL,
      created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER) STRICT;
    CREATE TABLE panic (id INTEGER PRIMARY KEY CHECK (id = 1), since_ms INTEGER NOT NULL, reason TEXT NOT NULL) STRICT`,
  },
  {
    domain: "agents",
    version: 2,
    sql: `CREATE TABLE holding_engine (
      id INTEGER PRIMARY KEY CHECK (id = 1), kind TEXT NOT NULL, boot_id TEXT NOT NULL) STRICT`,
  },
  { domain: "agents", version: 3, sql: "ALTER TABLE agents ADD COLUMN is_suspended INTEGER NOT NULL DEFAULT 0" },
];

/** Agents at rest whose epochs are remembered; the oldest go first. */
const restingMax = 1_000;

const putSql = `INSERT OR REPLACE INTO agents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const pruneSql = `DELETE FROM agents WHERE desired = 'rest' AND agent_id NOT IN
  (SELECT agent_id FROM agents WHERE desired = 'rest' ORDER BY created_at_ms DESC LIMIT ${restingMax})`;

/** In the bridge's store. */
export class StoredAgentRecords implements AgentRecords {
  readonly #store: Store;
  /** The rows as last written, so that what was not committed yet is seen too. */
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

  /** No agent outlives the machine's boot, and where none is wanted none was left running. */
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
