import { Direction, EventTimeline, type MatrixClient, type MatrixEvent, Method, type Room } from "matrix-js-sdk";
import { type Clock, delay } from "../../../platform/clock.ts";
import { sdkFailure } from "./sdk-failure.ts";

const pageSize = 100;

export interface BackfillDeps {
  readonly client: MatrixClient;
  readonly clock: Clock;
  /** The most events that are fetched from a room's past after a time without connection. */
  readonly backfillMax: number;
  /** Something of the room's past may stay unread. Said before anything newer is delivered. */
  readonly missed: (roomId: string, reason: string) => void;
}

/** What a homeserver keeps of rooms between the last handled event and the live timeline. */
export class Backfill {
  readonly #deps: BackfillDeps;

  constructor(deps: BackfillDeps) {
    this.#deps = deps;
  }

  /**
   * The events after the cursor and before those of the live timeline, oldest first, as they come: a bridge that is killed
   * before it has them all goes on from there.
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
    if (from === undefined) missed(room.roomId, "the homeserver does not give the room's past up to what is new");
    else missed(room.roomId, `only the oldest ${backfillMax} events of the gap were read`);
  }

  /** For a cursor that the homeserver does not know, or not any more. */
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
    // Which of them are older than the last handled event is not known.
    if (from !== undefined) missed(room.roomId, `only the newest ${past.length} events of the gap were read`);
    else missed(room.roomId, "the homeserver does not give the room's past back to the last message that was read");
    return past.toReversed();
  }

  /** Where what follows an event begins; undefined when the homeserver does not say. */
  async #after(roomId: string, eventId: string): Promise<string | undefined> {
    const path = `/rooms/${encodeURIComponent(roomId)}/context/${encodeURIComponent(eventId)}`;
    const context = await this.#patiently(() =>
      this.#deps.client.http.authedRequest<{ end?: string }>(Method.Get, path, { limit: "0" }),
    );
    return context?.end;
  }

  async #page(roomId: string, from: string, direction: Direction) {
    const { client } = this.#deps;
    const page = await this.#patiently(() => client.createMessagesRequest(roomId, from, pageSize, direction));
    return page ?? { chunk: [], end: undefined };
  }

  /** However long the homeserver is away: what is newer waits behind it. Undefined when it refuses. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await ask();
      } catch (error) {
        if (sdkFailure(error).kind === "refused") return undefined;
        if (attempt === 20) throw error;
        await delay(this.#deps.clock, Math.min(10_000, 200 * 2 ** attempt));
      }
    }
  }
}
