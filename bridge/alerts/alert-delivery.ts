import type { Sql } from "../store/index.ts";

/** Where messages of alerts go. */
export interface AlertLane {
  readonly destination: string;
  /** The room, or the webhook's name. */
  readonly lane: string;
}

export interface AlertMessage extends AlertLane {
  readonly dedupeKey: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** `blocked`: the lane itself cannot be reached, for example because the bridge is not in the room. `late`: its destination does not answer. */
export type LaneState = "open" | "late" | "blocked";

/** Queues the messages of alerts. */
export interface AlertQueue {
  queue(sql: Sql, message: AlertMessage): unknown;
  laneState(sql: Sql, destination: string, lane: string): LaneState;
  /** The messages that wait for the lane, the oldest first. */
  waiting(sql: Sql, destination: string, lane: string, limit: number): readonly AlertMessage[];
  kick(): void;
}

/** The most messages that are sent another way when a lane turns out to be unreachable. Later ones go there when they are queued. */
const reroutedMax = 100;
const ownKey = /^alerts?:/;

/** Queues alerts, and sends them another way too while their lane cannot be reached. */
export class AlertDelivery {
  readonly #queue: AlertQueue;
  readonly #lanes: readonly AlertLane[];

  /** @param lanes everywhere that alerts may go, the preferred first */
  constructor(queue: AlertQueue, lanes: readonly AlertLane[]) {
    this.#queue = queue;
    this.#lanes = lanes;
  }

  queue(sql: Sql, message: AlertMessage): void {
    this.#queue.queue(sql, message);
    this.#reroute(sql, message);
  }

  /** The lane was found to be unreachable: alerts that wait for it are sent another way. */
  unreachable(sql: Sql, { destination, lane }: AlertLane): void {
    const waiting = this.#queue.waiting(sql, destination, lane, reroutedMax);
    for (const message of waiting) if (ownKey.test(message.dedupeKey)) this.#reroute(sql, message);
  }

  /** A message has one other way at a time: where that is unreachable as well, it is asked again. */
  #reroute(sql: Sql, message: AlertMessage): void {
    const other = this.#otherWay(sql, message);
    if (other === undefined) return;
    const { dedupeKey, body, lane } = message;
    const [key] = dedupeKey.split(" instead of ");
    const text = String(body["text"]).replace(/\n\(Sent here because [^\n]*\)$/u, "");
    this.#queue.queue(sql, {
      ...other,
      dedupeKey: `${key} instead of ${lane} at ${other.lane}`,
      body: { ...body, text: `${text}\n(Sent here because ${message.destination} ${lane} cannot be reached)` },
    });
  }

  #otherWay(sql: Sql, { destination, lane }: AlertLane): AlertLane | undefined {
    const state = this.#queue.laneState(sql, destination, lane);
    if (state === "open") return undefined;
    // A homeserver that does not answer is reached in no other room.
    const isOpen = (other: AlertLane) =>
      (state === "blocked" || other.destination !== destination || destination !== "matrix") &&
      this.#queue.laneState(sql, other.destination, other.lane) === "open";
    return this.#lanes.find((other) => (other.destination !== destination || other.lane !== lane) && isOpen(other));
  }
}
