import type { Clock } from "../../../platform/clock.ts";
import type { Migration, Sql, Store } from "../../../store/index.ts";

export const webrtcMigrations: readonly Migration[] = [
  {
    domain: "webrtc",
    version: 1,
    sql: `CREATE TABLE call_records (
      id INTEGER PRIMARY KEY,
      time INTEGER NOT NULL,
      event TEXT NOT NULL,
      session_id TEXT,
      room_id TEXT,
      principal TEXT,
      detail TEXT NOT NULL
    ) STRICT;
    CREATE INDEX call_records_by_session ON call_records (session_id);
    CREATE INDEX call_records_by_start ON call_records (principal, time) WHERE event = 'session.created';`,
  },
];

/** What is recorded about calls: who, when and why, but never audio, pressed keys or session descriptions. */
export type CallRecordEvent =
  | "session.created"
  | "session.denied"
  | "session.state"
  | "session.ended"
  | "token.minted"
  | "token.used"
  | "token.refused"
  | "turn.issued"
  | "signaling.opened"
  | "signaling.closed"
  | "signaling.refused"
  | "offer.refused"
  | "candidate.refused"
  | "media.stalled"
  | "media.resumed"
  | "recording.consented"
  | "recording.started"
  | "recording.stopped"
  | "ring.refused"
  | "limit.reached";

export interface CallRecord {
  readonly event: CallRecordEvent;
  readonly sessionId?: string | undefined;
  readonly roomId?: string | undefined;
  readonly principal?: string | undefined;
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

export interface StoredCallRecord extends Required<CallRecord> {
  readonly id: number;
  readonly timeMs: number;
}

export interface RecordQuery {
  readonly sessionId?: string | undefined;
  readonly roomId?: string | undefined;
  readonly event?: string | undefined;
  readonly beforeId?: number | undefined;
  readonly limit: number;
}

const recordsMax = 50_000;
const recordsPerPruning = 1_000;
/** The most refusals a minute that are recorded one by one. Further ones are recorded as one `limit.reached`. */
const refusalsPerMinute = 120;
const hourMs = 3_600_000;
const insertRecord =
  "INSERT INTO call_records (time, event, session_id, room_id, principal, detail) VALUES (?, ?, ?, ?, ?, ?)";

/** Records what happens in calls. */
export class CallRecords {
  readonly #store: Store;
  readonly #clock: Pick<Clock, "now">;
  readonly #onFailure: (error: unknown) => void;
  #written = 0;
  #refusals = { minute: 0, count: 0 };

  constructor(store: Store, clock: Pick<Clock, "now">, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** Resolves when the record is durable. */
  write({ event, sessionId, roomId, principal, detail = {} }: CallRecord): Promise<void> {
    const values = [event, sessionId ?? null, roomId ?? null, principal ?? null, JSON.stringify(detail)] as const;
    const now = this.#clock.now();
    return this.#store.write((sql) => {
      sql.run(insertRecord, now, ...values);
      this.#written += 1;
      if (this.#written % recordsPerPruning === 0) prune(sql);
    });
  }

  /** Writes a record without waiting for it. */
  note(record: CallRecord): void {
    this.write(record).catch(this.#onFailure);
  }

  /** Writes a refusal, unless too many were written within the minute. */
  noteRefusal(record: CallRecord): void {
    const minute = Math.floor(this.#clock.now() / 60_000);
    if (this.#refusals.minute !== minute) this.#refusals = { minute, count: 0 };
    this.#refusals.count += 1;
    if (this.#refusals.count <= refusalsPerMinute) this.note(record);
    else if (this.#refusals.count === refusalsPerMinute + 1) {
      this.note({ event: "limit.reached", detail: { limit: "refusals_per_minute", count: refusalsPerMinute } });
    }
  }

  /** The number of sessions that the principal started within the last hour. */
  startedWithinHour(principal: string): number {
    const row = this.#store.read((sql) =>
      sql.get(
        "SELECT count(*) AS count FROM call_records WHERE event = 'session.created' AND principal = ? AND time > ?",
        principal,
        this.#clock.now() - hourMs,
      ),
    );
    return Number(row?.["count"] ?? 0);
  }

  /** Newest first. */
  read({ sessionId, roomId, event, beforeId, limit }: RecordQuery): StoredCallRecord[] {
    const rows = this.#store.read((sql) =>
      sql.all(
        `SELECT * FROM call_records WHERE (?1 IS NULL OR session_id = ?1) AND (?2 IS NULL OR room_id = ?2)
         AND (?3 IS NULL OR event = ?3) AND (?4 IS NULL OR id < ?4) ORDER BY id DESC LIMIT ?5`,
        sessionId ?? null,
        roomId ?? null,
        event ?? null,
        beforeId ?? null,
        limit,
      ),
    );
    return rows.map((row) => ({
      id: Number(row["id"]),
      timeMs: Number(row["time"]),
      event: String(row["event"]) as CallRecordEvent,
      sessionId: text(row["session_id"]),
      roomId: text(row["room_id"]),
      principal: text(row["principal"]),
      detail: JSON.parse(String(row["detail"])) as StoredCallRecord["detail"],
    }));
  }
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function prune(sql: Sql): void {
  sql.run("DELETE FROM call_records WHERE id <= (SELECT max(id) FROM call_records) - ?", recordsMax);
}
