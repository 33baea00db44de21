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
    // One row while the homeserver is told to be lost: its return is told by whichever bridge sees it.
    sql: "CREATE TABLE matrix_outage (id INTEGER PRIMARY KEY CHECK (id = 1)) STRICT",
  },
];

export interface LinkEventsDeps {
  readonly events: EventTransactions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A link that is down for so long is lost. */
  readonly lostAfterMs: number;
}

/** Publishes what becomes of the link, and that the homeserver is away for too long: once, with its return. */
export class LinkEvents {
  readonly #deps: LinkEventsDeps;
  #outage: Timer | undefined;

  constructor(deps: LinkEventsDeps) {
    this.#deps = deps;
  }

  begun(session: Session): void {
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
      .catch((error: unknown) => this.#deps.logger.error({ error }, "news of the link could not be published"));
  }
}
