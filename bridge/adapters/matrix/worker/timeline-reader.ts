import { ClientEvent, type MatrixEvent, MatrixEventEvent, type Room, RoomEvent } from "matrix-js-sdk";
import { onAbort } from "../../../platform/abort.ts";
import { delay } from "../../../platform/clock.ts";
import { callEventTypes } from "../protocol/call-events.ts";
import type { InboundEvent } from "../protocol/worker-protocol.ts";
import { Backfill, type BackfillDeps } from "./backfill.ts";
import { eventTrust } from "./trust.ts";

/** How long a room waits for the key of an event. Keys usually arrive just before or after their events. */
const keyWaitMs = 3000;

/** The most undecryptable events that are delivered again when their key arrives late. */
const awaitedMax = 200;

const delivered = new Set([
  "m.room.message",
  "m.reaction",
  "m.room.encrypted",
  "m.room.redaction",
  "m.room.tombstone",
  ...callEventTypes,
]);

export interface TimelineReaderDeps extends BackfillDeps {
  /** The last handled event of each room. */
  readonly cursors: ReadonlyMap<string, string>;
  /** Resolves when the event is stored. */
  readonly deliver: (event: InboundEvent) => Promise<void>;
  /** Everything up to this event is handled. */
  readonly moved: (roomId: string, eventId: string) => void;
  /** An event could not be handled, so that nothing after it may be. The worker must be restarted. */
  readonly failed: (error: unknown) => void;
}

interface RoomState {
  cursor: string | undefined;
  /** A queued fetch has not started yet, and will include everything up to its start. */
  isFetchQueued: boolean;
  work: Promise<void>;
}

/**
 * Delivers every event of every room once and in order. Live events are delivered at once. After a start, or a gap in the sync, the
 * events since the last handled one are fetched before anything newer is delivered.
 */
export class TimelineReader {
  readonly #deps: TimelineReaderDeps;
  readonly #past: Backfill;
  readonly #rooms = new Map<string, RoomState>();
  /** Keys that did not arrive in time. Further events with them do not wait again. */
  readonly #missingKeys = new Set<string>();
  #awaited = 0;
  #isStarted = false;

  constructor(deps: TimelineReaderDeps) {
    this.#deps = deps;
    this.#past = new Backfill(deps);
    deps.client.on(RoomEvent.Timeline, (event, room, toStart, _removed, { timeline }) => {
      if (room === undefined || toStart === true || timeline !== room.getLiveTimeline() || event.status !== null)
        return;
      if (this.#isStarted) this.#queue(room, () => this.#handle(room, event, false));
    });
    deps.client.on(RoomEvent.TimelineReset, (room) => {
      if (room !== undefined && this.#isStarted) this.#fetch(room);
    });
    deps.client.on(ClientEvent.Sync, () => {
      if (this.#isStarted) this.#beginNewRooms();
    });
  }

  /**
   * To be called once after the first sync from the server, when its keys are known too. New rooms start with the events
   * after it.
   */
  start(): void {
    this.#isStarted = true;
    for (const room of this.#deps.client.getRooms()) if (this.#state(room).cursor !== undefined) this.#fetch(room);
    this.#beginNewRooms();
  }

  /** Events before the bridge joined a room are not delivered. */
  #beginNewRooms(): void {
    for (const room of this.#deps.client.getRooms()) {
      if (room.getMyMembership() !== "join" || this.#state(room).cursor !== undefined) continue;
      this.#queue(room, async () => {
        if (this.#state(room).cursor !== undefined) return;
        const events = room.getLiveTimeline().getEvents();
        const joinedAt = events.findIndex((event) => this.#isOwnJoin(event));
        const begin = events[joinedAt === -1 ? events.length - 1 : joinedAt]?.getId();
        if (begin === undefined) return;
        this.#move(room, begin);
        for (const event of joinedAt === -1 ? [] : events.slice(joinedAt + 1)) await this.#handle(room, event, false);
      });
    }
  }

  #isOwnJoin(event: MatrixEvent): boolean {
    return (
      event.getType() === "m.room.member" &&
      event.getStateKey() === this.#deps.client.getUserId() &&
      event.getContent()["membership"] === "join"
    );
  }

  #state(room: Room): RoomState {
    const known = this.#rooms.get(room.roomId);
    if (known !== undefined) return known;
    const state = { cursor: this.#deps.cursors.get(room.roomId), isFetchQueued: false, work: Promise.resolve() };
    this.#rooms.set(room.roomId, state);
    return state;
  }

  #queue(room: Room, work: () => Promise<void>): void {
    const state = this.#state(room);
    state.work = state.work.then(work).catch(this.#deps.failed);
  }

  /** Live events that arrive meanwhile wait behind the fetch. */
  #fetch(room: Room): void {
    const state = this.#state(room);
    if (state.isFetchQueued || state.cursor === undefined) return;
    state.isFetchQueued = true;
    this.#queue(room, async () => {
      state.isFetchQueued = false;
      const timeline = room.getLiveTimeline();
      const live = [...timeline.getEvents()];
      const known = live.findIndex((event) => event.getId() === state.cursor);
      if (known === -1 && state.cursor !== undefined)
        for await (const event of this.#past.since(room, timeline, state.cursor)) await this.#handle(room, event, true);
      for (const event of live.slice(known + 1)) await this.#handle(room, event, true);
    });
  }

  #move(room: Room, eventId: string): void {
    this.#state(room).cursor = eventId;
    this.#deps.moved(room.roomId, eventId);
  }

  async #handle(room: Room, event: MatrixEvent, isBackfilled: boolean): Promise<void> {
    const { client, clock, deliver } = this.#deps;
    const [eventId, sender] = [event.getId(), event.getSender()];
    if (eventId === undefined || eventId.startsWith("~") || sender === undefined) return;
    const state = this.#state(room);
    if (state.cursor === undefined) return;
    if (!delivered.has(event.getWireType()) || sender === client.getUserId()) return this.#move(room, eventId);
    await this.#decrypt(room, event);
    if (!delivered.has(event.getType())) return this.#move(room, eventId);
    await deliver({
      roomId: room.roomId,
      eventId,
      sender,
      type: event.getType(),
      content: contentOf(event),
      sentAtMs: event.getTs(),
      ageMs: event.getAge() === undefined ? clock.now() - event.getTs() : event.getLocalAge(),
      trust: await eventTrust(client, event),
      isBackfilled,
      ...(event.isDecryptionFailure() ? { undecryptable: String(event.decryptionFailureReason) } : {}),
    });
    state.cursor = eventId;
  }

  async #decrypt(room: Room, event: MatrixEvent): Promise<void> {
    const { client, clock } = this.#deps;
    await client.decryptEventIfNeeded(event).catch(() => undefined);
    if (!event.isDecryptionFailure()) return;
    const key = String(event.getWireContent()["session_id"]);
    const opened = new AbortController();
    const onDecrypted = () => {
      if (event.isDecryptionFailure()) return;
      this.#missingKeys.delete(key);
      opened.abort();
    };
    event.on(MatrixEventEvent.Decrypted, onDecrypted);
    if (!this.#missingKeys.has(key)) await delay(clock, keyWaitMs, opened.signal).catch(() => undefined);
    if (opened.signal.aborted) return;
    this.#missingKeys.add(key);
    if (this.#awaited >= awaitedMax) return;
    this.#awaited += 1;
    onAbort(opened.signal, () => {
      this.#awaited -= 1;
      this.#queue(room, () => this.#handle(room, event, true));
    });
  }
}

/** What a redaction removes stands beside its content in older rooms. */
function contentOf(event: MatrixEvent): InboundEvent["content"] {
  const content = event.getContent();
  return event.getType() === "m.room.redaction" ? { redacts: event.event.redacts, ...content } : content;
}
