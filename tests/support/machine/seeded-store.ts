import { createHmac } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { anchorLine } from "../../../bridge/audit/anchors.ts";
import { append, headLink } from "../../../bridge/audit/store.ts";
import { migrations } from "../../../bridge/daemon/migrations.ts";
import { insertEvent } from "../../../bridge/events/store.ts";
import { Keystore, unlockSource } from "../../../bridge/keystore/index.ts";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { Calendar } from "../../../bridge/platform/calendar.ts";
import { systemClock, timestamp } from "../../../bridge/platform/clock.ts";
import { type Sql, Store } from "../../../bridge/store/index.ts";

const perCommit = 5_000;
const entriesPerAnchor = 64;

/** Fills the store of a stopped bridge with so many events, audit records, ledger entries and finished tasks. */
export async function seedStore(stateDirectory: string, rows: number): Promise<void> {
  using store = new Store(join(stateDirectory, "store.db"), migrations, timestamp(systemClock));
  seedEvents(store, rows);
  await seedRecords(store, stateDirectory, rows);
  seedLedger(store, rows);
  seedTasks(store, rows);
}

function inCommits(store: Store, rows: number, insert: (sql: Sql, row: number) => void): void {
  for (let row = 0; row < rows; ) {
    store.writeNow((sql) => {
      for (const end = Math.min(rows, row + perCommit); row < end; row++) insert(sql, row);
    });
  }
}

/** 50 channels and one that has an event every 50,000. */
function seedEvents(store: Store, rows: number): void {
  const first = Number(store.read((sql) => sql.get("SELECT reserved FROM event_state"))?.["reserved"]) + 1;
  const now = Date.now();
  inCommits(store, rows, (sql, row) => {
    const seq = first + row;
    const channel = row % 50_000 === 0 ? "bench.rare" : `bench.c${row % 50}`;
    const time = new Date(now - (rows - row)).toISOString();
    const source = `agent:w-${row % 200}`;
    const data = { row, text: "x".repeat(100) };
    const event = { id: `bench-${seq}`, seq, channel, type: "bench.item", source, time, priority: "normal", data };
    const text = JSON.stringify(event);
    const share = source;
    const { type } = event;
    const stored = { seq, atMs: Date.parse(time), bytes: text.length, isVolatile: false, share, audience: null };
    insertEvent(sql, { ...stored, channel, type, text });
  });
  store.writeNow((sql) => sql.run("UPDATE event_state SET reserved = ?", first + rows));
}

async function seedRecords(store: Store, stateDirectory: string, rows: number): Promise<void> {
  const installId = readFileSync(join(stateDirectory, "install-id"), "utf8").trim();
  const keyFile = join(stateDirectory, "keystore.key");
  const source = unlockSource({
    kind: "auto",
    keyFile,
    credentialsDirectory: undefined,
    installId,
    platform: process.platform,
  });
  const deps = { store, clock: systemClock, publish: () => undefined, logger: silentLogger, autoLockMs: undefined };
  const keystore = new Keystore({ ...deps, source });
  await keystore.open();
  const key = keystore.internalKey("audit");
  const paramsDigest = createHmac("sha256", key).update("{}").digest("hex");
  let act = store.read(headLink).seq;
  let anchors = "";
  inCommits(store, rows, (sql, row) => {
    const isEnd = row % 2 === 1;
    const link = append(sql, key, {
      kind: isEnd ? "end" : "act",
      act: isEnd ? act : null,
      time: Date.now(),
      principal: isEnd ? "" : "user:0",
      method: isEnd ? "" : "task.create",
      paramsDigest: isEnd ? "" : paramsDigest,
      result: isEnd ? "ok" : "",
      correlationId: isEnd ? "" : `c-${row}`,
      subject: null,
    });
    act = link.seq;
    if (act % entriesPerAnchor === 0) anchors += `${anchorLine(key, link, timestamp(systemClock))}\n`;
  });
  appendFileSync(join(stateDirectory, "audit.anchors"), anchors);
}

/** 200 agents, 12 models and 5,000 tasks in 20 hours; every second entry settles the one before it. */
function seedLedger(store: Store, rows: number): void {
  const calendar = new Calendar("UTC");
  const now = Date.now();
  const columns = `reservation, kind, at_ms, hour, day, week, month, provider, model, loop, agent, task, run,
    held_nano_usd, held_tokens, held_calls, held_ms, spent_nano_usd, spent_tokens, spent_calls, spent_ms, input_tokens, output_tokens, basis`;
  const insert = `INSERT INTO budget_entries (${columns}) VALUES (${Array.from({ length: 24 }, () => "?").join(", ")})`;
  inCommits(store, rows, (sql, row) => {
    const pair = Math.floor(row / 2);
    const atMs = now - Math.floor(((rows - row) / rows) * 20 * 3_600_000);
    const { hour, day, week, month } = calendar.at(atMs);
    const who = ["p", `m-${pair % 12}`, "w", `w-${pair % 200}`, `t-${pair % 5_000}`, `r-${pair >> 4}`];
    const isHeld = row % 2 === 0;
    const held = isHeld
      ? [1_000, 100, 1, 10, 0, 0, 0, 0, 0, 0, null]
      : [-1_000, -100, -1, -10, 900, 90, 1, 9, 60, 30, "provider"];
    sql.run(insert, `bench-${pair}`, isHeld ? "reserve" : "settle", atMs, hour, day, week, month, ...who, ...held);
  });
}

function seedTasks(store: Store, rows: number): void {
  const now = Date.now();
  const insert = `INSERT INTO tasks (title, state, agent_id, is_assigned, payload, bytes, attempts, attempts_max, lease_ms, due_ms,
    created_by, created_at_ms, updated_at_ms) VALUES ('bench', 'done', ?, 1, '{}', 7, 1, 3, 60000, ?, ?, ?, ?)`;
  inCommits(store, rows, (sql, row) => {
    sql.run(insert, `w-${row % 200}`, now, `agent:w-${row % 200}`, now, now);
  });
}
