import { BridgeError, type EventEnvelope, type MatrixMessage, type Principal } from "@armorclaw/protocol";
import type { Access } from "../../access/index.ts";
import type { DurableEventLog } from "../../events/index.ts";
import { fitting } from "../../platform/page.ts";
import type { Store } from "../../store/index.ts";
import type { MatrixRooms } from "./matrix-rooms.ts";
import { roomSegment } from "./rooms/inbound.ts";
import { positionOf, savePosition } from "./rooms/reader-positions.ts";

export interface RoomReaderDeps {
  readonly log: DurableEventLog;
  readonly store: Store;
  readonly rooms: Pick<MatrixRooms, "account" | "trust">;
  readonly rights: Pick<Access, "channels" | "mayUseChannel">;
}

export interface ReceiveQuery {
  /** All rooms that the principal may read without it. */
  readonly roomId?: string | undefined;
  /** Without it the principal gets what it was not given yet, and first the newest messages. */
  readonly cursor?: number | undefined;
  readonly limit: number;
  /** How long to wait for a first message; 0 for not at all. */
  readonly timeoutMs: number;
}

export interface ReceivedMessages {
  readonly messages: readonly MatrixMessage[];
  readonly cursor: number;
  readonly cursorReset: boolean;
}

/** Reads rooms for principals, each within its rights. */
export class RoomReader {
  readonly #deps: RoomReaderDeps;

  constructor(deps: RoomReaderDeps) {
    this.#deps = deps;
  }

  /** An agent's right to a room is its right to the channel of the room's messages. @throws BridgeError FORBIDDEN */
  assertMayUse(principal: Principal, roomId: string, use: "publish" | "subscribe"): void {
    const { rights } = this.#deps;
    if (principal.kind !== "agent" || rights.mayUseChannel(principal, messageChannel(roomId), use)) return;
    throw new BridgeError("FORBIDDEN", `${principal.id} was not granted the room ${roomId}`, { room_id: roomId });
  }

  /** Reads the messages after the cursor, and waits for the first one when there is none. @throws BridgeError FORBIDDEN */
  async receive(principal: Principal, query: ReceiveQuery, signal: AbortSignal): Promise<ReceivedMessages> {
    const { log, store } = this.#deps;
    const { roomId, limit, timeoutMs } = query;
    const selector = { channels: this.#channelsOf(principal, roomId), types: ["matrix.message"] };
    const reader = [principal.id, roomId ?? ""] as const;
    const from = query.cursor ?? store.read((sql) => positionOf(sql, ...reader));
    let isNewest = from === undefined;
    let found = from === undefined ? await log.newest(selector, limit) : await log.search(selector, from, limit);
    const { cursorReset } = found;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    while (found.events.length === 0 && timeoutMs > 0 && !deadline.aborted) {
      if (found.cursor === log.lastSeq) await nextMessage(log, deadline);
      found = await log.search(selector, found.cursor, limit);
      isNewest = false;
    }
    // Of the newest messages the newest are kept when not all fit; else the reader goes on behind the last one that did.
    const page = fitting(isNewest ? found.events.toReversed() : found.events);
    const events = isNewest ? page.rows.toReversed() : page.rows;
    const cursor = page.isCut && !isNewest ? (events.at(-1)?.seq ?? found.cursor) : found.cursor;
    if (query.cursor === undefined && cursor !== from) await store.write((sql) => savePosition(sql, ...reader, cursor));
    // Events of this type are the bridge's own, with the contract's data.
    const messages = events.map(({ data }) => data as MatrixMessage);
    return { messages, cursor, cursorReset };
  }

  /** Downloads a file that a trusted person sent to a trusted room. @throws BridgeError FORBIDDEN, MATRIX_ROOM_NOT_TRUSTED, MATRIX_REFUSED */
  async download(
    principal: Principal,
    file: { readonly roomId: string; readonly eventId: string; readonly bytesMax: number },
    signal: AbortSignal,
  ) {
    const { account, trust } = this.#deps.rooms;
    const { roomId } = file;
    this.assertMayUse(principal, roomId, "subscribe");
    if (!trust.isTrustedRoom(roomId)) throw new BridgeError("MATRIX_ROOM_NOT_TRUSTED", undefined, { room_id: roomId });
    const downloaded = await account.media.download(file, signal);
    if (trust.roleOf(downloaded.sender) !== undefined) return downloaded;
    throw new BridgeError("MATRIX_REFUSED", `${downloaded.sender}, who sent the file, is none of the trusted users`);
  }

  #channelsOf(principal: Principal, roomId: string | undefined): string[] {
    if (roomId !== undefined) {
      this.assertMayUse(principal, roomId, "subscribe");
      return [messageChannel(roomId)];
    }
    if (principal.kind !== "agent") return ["matrix.*.message"];
    return this.#deps.rights.channels(principal, "subscribe").filter((channel) => channel.startsWith("matrix."));
  }
}

const messageChannel = (roomId: string): string => `matrix.${roomSegment(roomId)}.message`;

/** Resolves at the next message of any room, or when the signal aborts. */
function nextMessage(log: DurableEventLog, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      unfollow();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const unfollow = log.follow({
      offer: ({ event }: { readonly event: EventEnvelope }) => {
        if (event.type === "matrix.message") end();
      },
    });
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}
