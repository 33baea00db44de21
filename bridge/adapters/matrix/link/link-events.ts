import { contractEvent, type EventDraft } from "../../../events/index.ts";
import type { Logger } from "../../../logging/index.ts";
import { type Clock, type Timer, timestamp } from "../../../platform/clock.ts";
import type { Migration, Sql } from "../../../store/index.ts";
import type { EventTransactions } from "../rooms/event-recorder.ts";
import type { Session } from "./session.ts";
import type { LinkStatus } from "./worker-supervisor.ts";

export const linkMigrations: readonly Migration[] = [
  {
    domain: "matrix-link",
    version: 1,
    // One row after `link_lost` was published. It outlives a restart, so that `link_restored` follows.
    sql: "CREATE TABLE matrix_outage (id INTEGER PRIMARY KEY CHECK (id = 1)) STRICT",
  },
];

export interface LinkEventsDeps {
  readonly events: EventTransactions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A link that is down for this long is lost. */
  readonly lostAfterMs: number;
}

/** Publishes changes of the link, and once each that the homeserver is lost and that it is restored. */
export class LinkEvents {
  readonly #deps: LinkEventsDeps;
  #outage: Timer | undefined;

  constructor(deps: LinkEventsDeps) {
    this.#deps = deps;
  }

  started(session: Session): void {
    this.#watch(session);
  }

  loggedIn({ userId, deviceId }: Session): void {
    this.#publish(contractEvent("matrix.logged_in", "bridge", { user_id: userId, device_id: deviceId }));
  }

  loggedOut({ userId }: Session, reason: string, isSoft: boolean): void {
    this.stop();
    this.#publish(contractEvent("matrix.logged_out", "bridge", { user_id: userId, reason, is_soft: isSoft }));
  }

  changed(state: Exclude<LinkStatus, "connecting" | "logged_out">, session: Session, reason: string | undefined): void {
    this.#publish(contractEvent("matrix.link", "bridge", { state, ...(reason === undefined ? {} : { reason }) }));
    if (state === "live") this.#live(session);
    else this.#watch(session);
  }

  stop(): void {
    this.#outage?.cancel();
    this.#outage = undefined;
  }

  #live({ homeserver }: Session): void {
    this.stop();
    this.#write((sql, emit) => {
      if (sql.run("DELETE FROM matrix_outage").changes > 0)
        emit(contractEvent("matrix.link_restored", "bridge", { homeserver }));
    });
  }

  #watch({ homeserver }: Session): void {
    const { clock, lostAfterMs } = this.#deps;
    const since = timestamp(clock);
    this.#outage ??= clock.after(lostAfterMs, () =>
      this.#write((sql, emit) => {
        if (sql.run("INSERT OR IGNORE INTO matrix_outage VALUES (1)").changes > 0)
          emit(contractEvent("matrix.link_lost", "bridge", { homeserver, since }));
      }),
    );
  }

  #publish(draft: EventDraft): void {
    this.#write((_, emit) => emit(draft));
  }

  #write(work: (sql: Sql, emit: (draft: EventDraft) => unknown) => unknown): void {
    this.#deps.events
      .transact(work)
      .catch((error: unknown) => this.#deps.logger.error({ error }, "an event of the link could not be published"));
  }
}
