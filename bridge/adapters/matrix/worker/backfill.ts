import { Direction, EventTimeline, type MatrixClient, type MatrixEvent, Method, type Room } from "matrix-js-sdk";
import type { Clock } from "../../../platform/clock.ts";
import { backOff, retry } from "../../../platform/retry.ts";
import { sdkFailure } from "./sdk-failure.ts";

const pageSize = 100;
const attemptsMax = 21;
const waitMs = backOff({ firstMs: 200, maxMs: 10_000 });

export interface BackfillDeps {
  readonly client: MatrixClient;
  readonly clock: Clock;
  /** The most events to fetch from a room's past after a time without connection. */
  readonly backfillMax: number;
  /** Part of the room's past may stay unread. Called before anything newer is delivered. */
  readonly missed: (roomId: string, reason: string) => void;
}

/** Reads the events of a room between the last handled one and the live timeline from the homeserver. */
export class Backfill {
  readonly #deps: BackfillDeps;

  constructor(deps: BackfillDeps) {
    this.#deps = deps;
  }

  /**
   * Yields the events after the cursor and before the live timeline, oldest first, as they arrive. A bridge that is killed
   * meanwhile continues after the last one that it stored.
   */
  async *since(room: Room, timeline: EventTimeline, cursor: string): AsyncGenerator<MatrixEvent> {
    const live = new Set(timeline.getEvents().map((event) => event.getId()));
    const from = live.size === 0 ? undefined : await this.#after(room.roomId, cursor);
    if (from === undefined) yield* await this.#backTo(cursor, room, timeline);
    else yield* this.#upTo(live, room, from);
  }

  async *#upTo(live: ReadonlySet<string | undefined>, room: Room, start: string): AsyncGenerator<MatrixEvent> {
    const { client, backfillMax, missed } = this.#deps;
    const toEvent = client.getEventMapper({ decrypt: false });
    let from: string | undefined = start;
    for (let read = 0; from !== undefined && read < backfillMax; ) {
      const { chunk, end } = await this.#page(room.roomId, from, Direction.Forward);
      for (const raw of chunk) {
        if (live.has(raw.event_id)) return;
        yield toEvent(raw);
      }
      read += chunk.length;
      from = chunk.length === 0 ? undefined : end;
    }
    if (from === undefined)
      missed(room.roomId, "the homeserver does not return the room's past up to the new messages");
    else missed(room.roomId, `only the oldest ${backfillMax} events of the gap were read`);
  }

  /** Reads backwards, for a cursor that the homeserver does not know or has forgotten. */
  async #backTo(cursor: string, room: Room, timeline: EventTimeline): Promise<MatrixEvent[]> {
    const { client, backfillMax, missed } = this.#deps;
    const toEvent = client.getEventMapper({ decrypt: false });
    const past: MatrixEvent[] = [];
    let from = timeline.getPaginationToken(EventTimeline.BACKWARDS) ?? undefined;
    while (from !== undefined && past.length < backfillMax) {
      const { chunk, end } = await this.#page(room.roomId, from, Direction.Backward);
      for (const raw of chunk) {
        if (raw.event_id === cursor) return past.toReversed();
        past.push(toEvent(raw));
      }
      from = chunk.length === 0 ? undefined : end;
    }
    // It is unknown which of them are older than the last handled event.
    if (from !== undefined) missed(room.roomId, `only the newest ${past.length} events of the gap were read`);
    else missed(room.roomId, "the homeserver does not return the room's past back to the last message that was read");
    return past.toReversed();
  }

  /** The pagination token right after an event. Undefined when the homeserver gives none. */
  async #after(roomId: string, eventId: string): Promise<string | undefined> {
    const path = `/rooms/${encodeURIComponent(roomId)}/context/${encodeURIComponent(eventId)}`;
    const context = await this.#retried(() =>
      this.#deps.client.http.authedRequest<{ end?: string }>(Method.Get, path, { limit: "0" }),
    );
    return context?.end;
  }

  async #page(roomId: string, from: string, direction: Direction) {
    const { client } = this.#deps;
    const page = await this.#retried(() => client.createMessagesRequest(roomId, from, pageSize, direction));
    return page ?? { chunk: [], end: undefined };
  }

  /** Retries for some three minutes, while newer events wait. Undefined when the homeserver refuses. */
  async #retried<T>(ask: () => Promise<T>): Promise<T | undefined> {
    const isRefusal = (error: unknown) => sdkFailure(error).kind === "refused";
    try {
      const { clock } = this.#deps;
      return await retry(ask, { attemptsMax, backOff: waitMs, clock, shouldRetry: (error) => !isRefusal(error) });
    } catch (error) {
      if (isRefusal(error)) return undefined;
      throw error;
    }
  }
}
