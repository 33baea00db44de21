import { BridgeError } from "@armorclaw/protocol/errors";
import type { Sql } from "../../store/index.ts";

/** The named subscription that an agent's runtime reads its messages with. */
export const inboxName = "inbox";

/** What may wait for one receiver, and how much of that one sender may have sent. A third of it is kept for people. */
const inboxMax = { messages: 3_000, bytes: 12 * 1024 * 1024 };
const agentsMax = { messages: 2_000, bytes: 8 * 1024 * 1024 };
const senderMax = { messages: 1_000, bytes: 4 * 1024 * 1024 };

interface Waiting {
  messages: number;
  bytes: number;
}

export interface InboxMessage {
  readonly seq: number;
  /** The principals. */
  readonly from: string;
  readonly to: string;
  readonly bytes: number;
}

/** What waits for the receiver, unread. */
export interface Unread {
  readonly messages: number;
  readonly bytes: number;
  /** Whether the receiver has, or had, a subscription that reads its messages. */
  readonly hasReader: boolean;
}

const isAgent = (principal: string) => principal.startsWith("agent:");

/**
 * Notes one more message for the receiver.
 * @throws BridgeError AGENT_OVERLOADED when so much waits for the receiver already that the sender may add nothing
 */
export function putInInbox(sql: Sql, { seq, from, to, bytes }: InboxMessage): Unread {
  const reader = sql.get("SELECT cursor FROM event_consumers WHERE owner = ? AND name = ?", to, inboxName);
  if (reader !== undefined)
    sql.run("DELETE FROM event_inboxes WHERE receiver = ? AND seq <= ?", to, Number(reader["cursor"]));
  const all = { messages: 1, bytes };
  const fromAgents = { messages: 0, bytes: 0 };
  const fromSender = { messages: 1, bytes };
  const rows = sql.all(
    "SELECT sender, count(*) AS messages, sum(bytes) AS bytes FROM event_inboxes WHERE receiver = ? GROUP BY sender",
    to,
  );
  for (const row of rows) {
    const sender = String(row["sender"]);
    add(all, row);
    if (isAgent(sender)) add(fromAgents, row);
    if (sender === from) add(fromSender, row);
  }
  if (isAgent(from)) add(fromAgents, { messages: 1, bytes });
  const hasReader = reader !== undefined;
  refuseOver(fromSender, senderMax, to, `from ${from}`, hasReader);
  refuseOver(fromAgents, agentsMax, to, "from agents", hasReader);
  refuseOver(all, inboxMax, to, "from all senders", hasReader);
  sql.run("INSERT INTO event_inboxes (seq, receiver, sender, bytes) VALUES (?, ?, ?, ?)", seq, to, from, bytes);
  return { ...all, hasReader };
}

function add(sum: Waiting, row: Readonly<Record<string, unknown>>): void {
  sum.messages += Number(row["messages"]);
  sum.bytes += Number(row["bytes"]);
}

function refuseOver(sum: Waiting, max: Waiting, to: string, whose: string, hasReader: boolean): void {
  if (sum.messages <= max.messages && sum.bytes <= max.bytes) return;
  const why = hasReader ? "" : ` ${to} has no subscription that reads messages.`;
  throw new BridgeError(
    "AGENT_OVERLOADED",
    `${to} has as many unread messages ${whose} as it may have: ${max.messages}, or ${max.bytes} bytes.${why}`,
    {
      receiver: to,
      messages: sum.messages - 1,
      messages_max: max.messages,
      bytes_max: max.bytes,
      has_reader: hasReader,
    },
  );
}
