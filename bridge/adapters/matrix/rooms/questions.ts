import { randomBytes } from "node:crypto";
import type { Migration, Sql } from "../../../store/index.ts";

/** How long the code of a question is known. An approval expires earlier. */
const keptMs = 7 * 86_400_000;
const codeChars = 16;
/** The most codes that an agent's text is compared with: the newest ones. */
const comparedMax = 10_000;

export const questionMigrations: readonly Migration[] = [
  {
    domain: "matrix-questions",
    version: 1,
    sql: `
      CREATE TABLE matrix_questions (
        code TEXT PRIMARY KEY, approval_id TEXT NOT NULL UNIQUE, room_id TEXT NOT NULL, asked_at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX matrix_questions_age ON matrix_questions (asked_at_ms);`,
  },
  {
    domain: "matrix-questions",
    version: 2,
    sql: "ALTER TABLE matrix_questions ADD COLUMN is_decided INTEGER NOT NULL DEFAULT 0;",
  },
];

/**
 * Records that an approval is asked for in a room, and returns the code of its answer. The code is random and is written into the
 * bridge's own question alone: an agent knows the id of its approval, and could otherwise have a person answer another question with it.
 */
export function recordQuestion(sql: Sql, approvalId: string, roomId: string, nowMs: number): string {
  sql.run("DELETE FROM matrix_questions WHERE asked_at_ms < ?", nowMs - keptMs);
  const known = sql.get("SELECT code FROM matrix_questions WHERE approval_id = ?", approvalId);
  if (known !== undefined) return String(known["code"]);
  const code = randomBytes(codeChars / 2).toString("hex");
  sql.run(
    "INSERT INTO matrix_questions (code, approval_id, room_id, asked_at_ms) VALUES (?, ?, ?, ?)",
    code,
    approvalId,
    roomId,
    nowMs,
  );
  return code;
}

/** The approval that the bridge asked for in this room under this code. */
export function approvalOf(sql: Sql, code: string, roomId: string): string | undefined {
  const row = sql.get("SELECT approval_id FROM matrix_questions WHERE code = ? AND room_id = ?", code, roomId);
  return row === undefined ? undefined : String(row["approval_id"]);
}

/** The code that the bridge showed for the approval in this room. */
export function codeOf(sql: Sql, approvalId: string, roomId: string): string | undefined {
  const row = sql.get("SELECT code FROM matrix_questions WHERE approval_id = ? AND room_id = ?", approvalId, roomId);
  return row === undefined ? undefined : String(row["code"]);
}

export const markDecided = (sql: Sql, approvalId: string): void =>
  void sql.run("UPDATE matrix_questions SET is_decided = 1 WHERE approval_id = ?", approvalId);

export const isOpen = (sql: Sql, approvalId: string): boolean =>
  sql.get("SELECT 1 AS found FROM matrix_questions WHERE approval_id = ? AND is_decided = 0", approvalId) !== undefined;

/** Letters and digits of other alphabets that look like those of a code. */
const lookAlikes = new Map([
  ...pairs("аɑα", "a"),
  ...pairs("Ьƅв", "b"),
  ...pairs("сϲⅽ", "c"),
  ...pairs("ԁⅾɗ", "d"),
  ...pairs("еҽє", "e"),
  ...pairs("ƒſғ", "f"),
  ...pairs("оοօⲟо߀o", "0"),
  ...pairs("іӏlιı", "1"),
  ...pairs("з", "3"),
  ...pairs("б", "6"),
]);

function pairs(characters: string, plain: string): [string, string][] {
  return [...characters].map((character) => [character, plain]);
}

/** The text as a person could copy a code from it: without what is invisible or only separates, and with look-alikes replaced. */
const codeLetters = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/./gsu, (character) => lookAlikes.get(character) ?? (/[0-9a-f]/u.test(character) ? character : ""));

/** Whether a person could read the code of a question or of an approval from the text. */
export function showsCode(sql: Sql, text: string): boolean {
  const letters = codeLetters(text);
  if (letters.length < codeChars) return false;
  const rows = sql.all(
    "SELECT code, substr(approval_id, 4) AS id FROM matrix_questions ORDER BY asked_at_ms DESC LIMIT ?",
    comparedMax,
  );
  const codes = new Set(rows.flatMap(({ code, id }) => [String(code), String(id)]));
  for (let at = 0; codes.size > 0 && at + codeChars <= letters.length; at += 1)
    if (codes.has(letters.slice(at, at + codeChars))) return true;
  return false;
}
