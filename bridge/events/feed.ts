import type { EventEnvelope } from "@armorclaw/protocol";
import type { DurableEventLog, Follower } from "./durable-log.ts";
import type { EventSelector, Gap, Logged } from "./event-log.ts";
import { compileSelector, isAlive, type Matcher } from "./selector.ts";

/** Read at once when a reader catches up; between pages others have their turn. */
const pageRows = 200;
/** Critical events that may go ahead of a backlog before they wait like others. */
const aheadMax = 1_000;

export interface FeedOptions {
  readonly selector: EventSelector;
  /** `owner/name` of a named subscription, which also sees what is for it alone. */
  readonly audience?: string;
  /** Live reading: critical events go ahead of a backlog, and those of low priority yield while there is one. */
  readonly isLive: boolean;
  /** Whether the reader takes one more now. When it was not, `wake` follows when it is. */
  isReady(): boolean;
  /** @param cursor where to resume, when the event went ahead of others */
  deliver(event: EventEnvelope, cursor?: number): void;
  onGap(gap: Gap): void;
}

/**
 * Reads the log from a position on, at the reader's pace. It holds no events: a reader that is behind reads the store
 * when it is ready again, so that one that never is costs nothing.
 */
export class Feed implements Follower {
  readonly #log: DurableEventLog;
  readonly #options: FeedOptions;
  readonly #matches: Matcher;
  #position: number;
  #state: "behind" | "scheduled" | "current" | "stopped" = "behind";
  /** Delivered before their turn. */
  readonly #ahead = new Set<number>();
  /** Where it stood when its reader began to be too slow for what happens. */
  #slowSince: number | undefined;
  #skippedLow = 0;
  #unfollow: (() => void) | undefined;

  constructor(log: DurableEventLog, position: number, options: FeedOptions) {
    this.#log = log;
    this.#position = position;
    this.#options = options;
    this.#matches = compileSelector(options.selector);
  }

  /** Everything up to here was delivered, or is not for this reader. */
  get position(): number {
    return this.#position;
  }

  start(): void {
    this.#unfollow = this.#log.follow(this);
    this.wake();
  }

  stop(): void {
    this.#unfollow?.();
    this.#state = "stopped";
  }

  /** The reader is ready again. */
  wake(): void {
    if (this.#state !== "behind") return;
    this.#state = "scheduled";
    setImmediate(() => {
      if (this.#state === "scheduled") this.#readOn();
    });
  }

  /** Delivers again from here on. */
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
    this.#passForgotten();
    const { rows, isEnd } = this.#log.read(this.#position, pageRows);
    for (const logged of rows) {
      const { seq } = logged.event;
      const isDone = this.#ahead.delete(seq) || !this.#isWanted(logged) || this.#yields(logged.event);
      if (!isDone && !this.#options.isReady()) return;
      this.#position = seq;
      if (!isDone) this.#options.deliver(logged.event);
      // Delivering may have stopped or rewound this feed.
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

  #passForgotten(): void {
    const { forgotten } = this.#log;
    if (this.#position >= forgotten) return;
    const after = this.#position;
    this.#position = forgotten;
    this.#options.onGap({ after, resumedAt: forgotten, skippedLow: 0 });
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
