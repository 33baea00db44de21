import type { DoctorCheck } from "@armorclaw/protocol";
import type { DurableEventLog } from "../events/index.ts";
import type { Clock } from "../platform/clock.ts";
import { ok, trouble, warning } from "./finding.ts";

const clockJumpMs = 5_000;
const synchronize = "Synchronize the clock: `timedatectl set-ntp true`";

/** Compares the wall clock with the last event and with the monotonic clock since it was made. */
export class ClockCheck {
  readonly #clock: Clock;
  readonly #log: Pick<DurableEventLog, "newestTime">;
  readonly #startedAtMs: number;
  readonly #startedMonotonicMs: number;

  constructor(clock: Clock, log: Pick<DurableEventLog, "newestTime">) {
    this.#clock = clock;
    this.#log = log;
    this.#startedAtMs = clock.now();
    this.#startedMonotonicMs = clock.monotonic();
  }

  run(): DoctorCheck {
    const nowMs = this.#clock.now();
    const now = new Date(nowMs).toISOString();
    const last = this.#log.newestTime;
    if (last !== undefined && Date.parse(last) > nowMs + clockJumpMs)
      return trouble("clock", `The time is ${now}, but the last event is of ${last}`, synchronize);
    const passedMs = this.#clock.monotonic() - this.#startedMonotonicMs;
    const jumpMs = Math.round(nowMs - this.#startedAtMs - passedMs);
    if (Math.abs(jumpMs) > clockJumpMs)
      return warning(
        "clock",
        `The clock was set by ${jumpMs} ms since the bridge started, or the machine slept`,
        synchronize,
      );
    return ok("clock", `The time is ${now}, and the clock was not set since the bridge started`);
  }
}
