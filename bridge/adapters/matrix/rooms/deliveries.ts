import type { Sql } from "../../../store/index.ts";

/** How far the delivery of an event is known. Each state includes those before it. */
export type DeliveryState = "sent" | "echoed" | "read";

export interface Delivery {
  readonly transactionId: string;
  readonly roomId: string;
  readonly eventId: string;
  readonly state: DeliveryState;
}

/** How long deliveries are tracked. */
const followedMs = 7 * 86_400_000;

/** The homeserver accepted the event. Its echo may have arrived before. */
export function noteSent(sql: Sql, delivery: Omit<Delivery, "state">, nowMs: number): Delivery | undefined {
  const { transactionId, roomId, eventId } = delivery;
  sql.run("DELETE FROM matrix_deliveries WHERE sent_at_ms < ?", nowMs - followedMs);
  const { changes } = sql.run(
    "INSERT INTO matrix_deliveries VALUES (?, ?, ?, 'sent', ?) ON CONFLICT DO NOTHING",
    transactionId,
    roomId,
    eventId,
    nowMs,
  );
  return changes === 0 ? undefined : { ...delivery, state: "sent" };
}

/** The event was received by sync: everyone in the room can see it. */
export function noteEcho(
  sql: Sql,
  echo: { readonly roomId: string; readonly transactionId: string | undefined; readonly eventId: string },
  sentAtMs: number,
): Delivery | undefined {
  const { roomId, eventId } = echo;
  const known = sql.get(
    "SELECT transaction_id, state FROM matrix_deliveries WHERE event_id = ? OR transaction_id = ?",
    eventId,
    echo.transactionId ?? "",
  );
  const transactionId = known === undefined ? echo.transactionId : String(known["transaction_id"]);
  if (transactionId === undefined || (known !== undefined && known["state"] !== "sent")) return undefined;
  sql.run(
    `INSERT INTO matrix_deliveries VALUES (?, ?, ?, 'echoed', ?)
     ON CONFLICT (transaction_id) DO UPDATE SET state = 'echoed', sent_at_ms = excluded.sent_at_ms`,
    transactionId,
    roomId,
    eventId,
    sentAtMs,
  );
  return { transactionId, roomId, eventId, state: "echoed" };
}

/** Somebody read the room up to a time, by the homeserver's clock. */
export function noteRead(sql: Sql, roomId: string, upToMs: number): Delivery[] {
  const rows = sql.all(
    `UPDATE matrix_deliveries SET state = 'read' WHERE room_id = ? AND sent_at_ms <= ? AND state = 'echoed'
     RETURNING transaction_id, event_id`,
    roomId,
    upToMs,
  );
  return rows.map((row) => ({
    transactionId: String(row["transaction_id"]),
    roomId,
    eventId: String(row["event_id"]),
    state: "read",
  }));
}
