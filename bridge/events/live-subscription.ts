import type { DurableEventLog } from "./durable-log.ts";
import type { EventSink, Subscription } from "./event-log.ts";
import { Feed } from "./feed.ts";
import type { EventSelector } from "./match/selector.ts";
import { Window } from "./window.ts";

export interface LiveOptions {
  /** The `seq` after which events are pushed; the end of the log when left out. */
  readonly cursor?: number;
  /** The most events that are pushed before an ack. */
  readonly unackedMax?: number;
}

/** Subscribes a reader that receives each event at most once. The subscription ends with its reader. */
export function subscribeLive(
  log: DurableEventLog,
  selector: EventSelector,
  sink: EventSink,
  { cursor = log.lastSeq, unackedMax = Number.POSITIVE_INFINITY }: LiveOptions,
): Subscription {
  const cursorReset = log.isReset(cursor);
  const from = log.resumeAt(cursor);
  const window = new Window(sink, unackedMax, () => feed.wake());
  const feed = new Feed(log, from, {
    selector,
    isLive: true,
    isReady: () => window.isOpen(),
    deliver: (event, resumeAt) => {
      window.pushed(event.seq);
      sink.push(event, resumeAt === undefined ? { attempt: 1 } : { attempt: 1, cursor: resumeAt });
    },
    onGap: (gap) => sink.onGap(gap),
  });
  feed.start();
  return {
    cursor: from,
    cursorReset,
    ack: async (acked) => window.ack(acked),
    close: () => feed.stop(),
  };
}
