import type { EventData } from "@armorclaw/protocol";
import { contractEvent, type EventDraft } from "../../../events/index.ts";
import type { Logger } from "../../../logging/index.ts";
import type { Clock } from "../../../platform/clock.ts";
import { TokenBucket, TokenBuckets } from "../../../platform/token-bucket.ts";
import { roomSegment } from "./inbound.ts";

/** How many refused commands of one trusted person, and of all strangers together, are recorded. Others are counted. */
const trustedRate = { perSecond: 0.1, burst: 20 };
const strangerRate = { perSecond: 0.05, burst: 20 };
const sendersMax = 1000;

export interface RefusedCommand {
  readonly roomId: string;
  readonly eventId: string;
  readonly sender: string;
  readonly command: string;
  /** The method that the command would have called; the command where there is none. */
  readonly method: string;
  readonly reason: EventData<"matrix.command_refused">["reason"];
}

export interface RefusedCommandsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly publish: (draft: EventDraft) => Promise<unknown>;
  /** Records the call in the audit. */
  readonly audit: (principal: string, method: string) => void;
}

/** Leaves a trace of commands that were refused before they were executed: in the log, the events and the audit. */
export class RefusedCommands {
  readonly #deps: RefusedCommandsDeps;
  readonly #trusted: TokenBuckets;
  readonly #strangers: TokenBucket;
  #unrecorded = 0;

  constructor(deps: RefusedCommandsDeps) {
    this.#deps = deps;
    this.#trusted = new TokenBuckets({ rate: trustedRate, keysMax: sendersMax, clock: deps.clock });
    this.#strangers = new TokenBucket(strangerRate, deps.clock);
  }

  /** @returns whether the command was recorded, and not only counted */
  note({ roomId, eventId, sender, command, method, reason }: RefusedCommand): boolean {
    const { logger, publish, audit } = this.#deps;
    const waitMs = reason === "unknown_sender" ? this.#strangers.take() : this.#trusted.take(sender);
    if (waitMs > 0) {
      this.#unrecorded += 1;
      return false;
    }
    const unrecorded = this.#unrecorded;
    this.#unrecorded = 0;
    const facts = { room_id: roomId, sender, command, reason };
    logger.warn({ ...facts, unrecorded_before: unrecorded }, "a command of a room was refused");
    audit(`matrix:${sender}`, method);
    const data = { ...facts, room: roomSegment(roomId), event_id: eventId };
    publish(contractEvent("matrix.command_refused", "bridge", data)).catch((error: unknown) =>
      logger.error({ error }, "a refused command could not be published"),
    );
    return true;
  }
}
