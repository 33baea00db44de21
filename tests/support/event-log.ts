import { join } from "node:path";
import type { EventEnvelope } from "@armorclaw/protocol";
import { DurableEventLog } from "../../bridge/events/durable-log.ts";
import type { Delivery, EventDraft, EventSink, Gap } from "../../bridge/events/event-log.ts";
import { eventsMigrations } from "../../bridge/events/migrations.ts";
import { silentLogger } from "../../bridge/logging/index.ts";
import { type Clock, systemClock } from "../../bridge/platform/clock.ts";
import { type Migration, Store } from "../../bridge/store/index.ts";
import { tempDirectory } from "./temp.ts";

const plenty = 1024 * 1024 * 1024;
const generousRetention = {
  retentionDays: 365,
  retentionBytes: plenty,
  volatileRetentionMinutes: 1_440,
  volatileBytes: plenty,
};

export interface TestLog extends AsyncDisposable {
  readonly store: Store;
  readonly log: DurableEventLog;
  readonly path: string;
  /** Stops it in an orderly way and opens it again. */
  reopen(): Promise<void>;
}

/** A durable log on a store of its own. */
export async function openTestLog(
  options: {
    clock?: Clock;
    retention?: Partial<typeof generousRetention>;
    migrations?: readonly Migration[];
    ballastBytes?: number;
  } = {},
): Promise<TestLog> {
  const directory = tempDirectory();
  const path = join(directory.path, "store.db");
  const { clock = systemClock, migrations = [], ballastBytes = 0 } = options;
  const open = async () => {
    const store = new Store(path, [...eventsMigrations, ...migrations], "2026-11-21T08:00:00.000Z", { ballastBytes });
    const retention = { ...generousRetention, ...options.retention };
    const log = new DurableEventLog({ store, clock, logger: silentLogger, retention });
    await log.start();
    return { store, log };
  };
  let opened = await open();
  const close = async () => {
    await opened.log.stop();
    opened.store.close();
  };
  return {
    path,
    get store() {
      return opened.store;
    },
    get log() {
      return opened.log;
    },
    async reopen() {
      await close();
      opened = await open();
    },
    async [Symbol.asyncDispose]() {
      await close();
      directory[Symbol.dispose]();
    },
  };
}

export const draft = (channel: string, rest: Partial<EventDraft> = {}): EventDraft => ({
  channel,
  type: "test.made",
  source: "user:0",
  data: {},
  priority: "normal",
  ...rest,
});

/** A reader that accepts every event, unless reading is paused. */
export class TestSink implements EventSink {
  readonly pushed: { readonly event: EventEnvelope; readonly delivery: Delivery }[] = [];
  readonly gaps: Gap[] = [];
  readonly ends: string[] = [];
  onPush: (event: EventEnvelope, delivery: Delivery) => void = () => undefined;
  #blocked: PromiseWithResolvers<void> | undefined;

  get seqs(): number[] {
    return this.pushed.map(({ event }) => event.seq);
  }

  get channels(): string[] {
    return this.pushed.map(({ event }) => event.channel);
  }

  block(): void {
    this.#blocked = Promise.withResolvers();
  }

  unblock(): void {
    this.#blocked?.resolve();
    this.#blocked = undefined;
  }

  push(event: EventEnvelope, delivery: Delivery): void {
    this.pushed.push({ event, delivery });
    this.onPush(event, delivery);
  }

  writable(): Promise<void> | undefined {
    return this.#blocked?.promise;
  }

  onGap(gap: Gap): void {
    this.gaps.push(gap);
  }

  onEnd(reason: string): void {
    this.ends.push(reason);
  }
}
