import type { EventEnvelope } from "@armorclaw/protocol";
import type { DurableEventLog, Follower } from "./durable-log.ts";
import type { Gap, Logged } from "./event-log.ts";
import { compileSelector, type EventSelector, isAlive, type Matcher } from "./match/selector.ts";
import type { LogReader } from "./retention.ts";

/** The rows of one page. Other work of the bridge runs between two pages of a reader that catches up. */
const pageRows = 200;
/** How many critical events may overtake a backlog. Further ones wait for their turn. */
const aheadMax = 1_000;

export interface FeedOptions {
  readonly selector: EventSelector;
  /** The `owner/name` of a named subscription, which also receives the events that are for it alone. */
  readonly audience?: string;
  /** Whether critical events overtake a backlog, and events of low priority are dropped while there is one. */
  readonly isLive: boolean;
  /** Whether the reader takes one more event now. When it does not, its owner calls `wake` once it does. */
  isReady(): boolean;
  /** @param cursor where to resume, when the event overtook others */
  deliver(event: EventEnvelope, cursor?: number): void;
  onGap(gap: Gap): void;
}

/**
 * Reads the log from a position on, at the reader's pace. A feed holds no events: a reader that is behind reads the store once it
 * is ready again, so that a reader that is never ready costs nothing.
 */
export class Feed implements Follower {
  readonly #log: DurableEventLog;
  readonly #options: FeedOptions;
  readonly #matches: Matcher;
  #position: number;
  #state: "behind" | "scheduled" | "current" | "stopped" = "behind";
  /** The `seq` of events that overtook others. */
  readonly #ahead = new Set<number>();
  /** The position at which the reader became slower than the log. */
  #slowSince: number | undefined;
  #skippedLow = 0;
  /** The newest event that was removed before it was read. */
  #lost = 0;
  #unfollow: (() => void) | undefined;

  constructor(log: DurableEventLog, position: number, options: FeedOptions) {
    this.#log = log;
    this.#position = position;
    this.#options = options;
    this.#matches = compileSelector(options.selector);
  }

  /** Every event up to this `seq` was delivered, or is not for this reader. */
  get position(): number {
    // The log offers a feed only what it may want. A reader that keeps up has passed what was for others.
    return this.#state === "current" ? Math.max(this.#position, this.#log.delivered) : this.#position;
  }

  get reader(): LogReader | undefined {
    // A reader that keeps up has read what is removed.
    if (this.#state === "current" || this.#state === "stopped") return undefined;
    return {
      position: this.#position,
      isNamed: false,
      wants: (logged) => !this.#ahead.has(logged.event.seq) && this.#isWanted(logged),
      lose: (_, seq) => {
        this.#lost = Math.max(this.#lost, seq);
      },
    };
  }

  start(): void {
    this.#unfollow = this.#log.follow(this, this.#options.selector);
    this.wake();
  }

  stop(): void {
    this.#unfollow?.();
    this.#position = this.position;
    this.#state = "stopped";
  }

  /** Continues after the reader became ready again. */
  wake(): void {
    if (this.#state !== "behind") return;
    this.#state = "scheduled";
    setImmediate(() => {
      if (this.#state === "scheduled") this.#readOn();
    });
  }

  /** Delivers again from this position on. */
  rewind(position: number): void {
    this.#position = position;
    if (this.#state === "current") this.#state = "behind";
    this.wake();
  }

  offer(logged: Logged): void {
    const { event } = logged;
    if (event.seq <= this.#position || this.#state === "stopped") return;
    const isWanted = this.#isWanted(logged);
    if (this.#state === "current") {
      if (!isWanted || this.#options.isReady()) {
        this.#position = event.seq;
        if (isWanted) this.#options.deliver(event);
        return;
      }
      this.#position = this.position;
      this.#state = "behind";
      this.#slowSince = this.#position;
    }
    if (isWanted && this.#options.isLive && event.priority === "critical" && this.#ahead.size < aheadMax) {
      this.#ahead.add(event.seq);
      this.#options.deliver(event, this.#position);
    }
  }

  #readOn(): void {
    this.#state = "behind";
    this.#tellLost();
    const { rows, isEnd } = this.#log.read(this.#position, pageRows);
    for (const logged of rows) {
      const { seq } = logged.event;
      const isDone = this.#ahead.delete(seq) || !this.#isWanted(logged) || this.#yields(logged.event);
      if (!isDone && !this.#options.isReady()) return;
      this.#position = seq;
      if (!isDone) this.#options.deliver(logged.event);
      // The delivery may have stopped or rewound this feed.
      if (this.#state !== "behind" || this.#position !== seq) return;
    }
    if (isEnd) {
      this.#state = "current";
      this.#tellSkipped();
    } else this.wake();
  }

  #isWanted({ event, audience }: Logged): boolean {
    if (audience !== null && audience !== this.#options.audience) return false;
    return (audience !== null || this.#matches(event)) && isAlive(event, this.#log.clock.now());
  }

  #yields({ seq, priority }: EventEnvelope): boolean {
    const isYielding =
      this.#options.isLive && priority === "low" && this.#slowSince !== undefined && seq > this.#slowSince;
    if (isYielding) this.#skippedLow += 1;
    return isYielding;
  }

  /** What is left is read all the same: not everything between was removed. */
  #tellLost(): void {
    if (this.#position >= this.#lost) return;
    this.#options.onGap({ after: this.#position, resumedAt: this.#lost, skippedLow: 0 });
    this.#lost = 0;
  }

  #tellSkipped(): void {
    if (this.#skippedLow > 0) {
      const after = this.#slowSince ?? this.#position;
      this.#options.onGap({ after, resumedAt: this.#position, skippedLow: this.#skippedLow });
    }
    this.#slowSince = undefined;
    this.#skippedLow = 0;
  }
}
