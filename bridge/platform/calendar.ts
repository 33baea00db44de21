import { BoundedMap } from "./bounded-map.ts";

/** The calendar windows that hold an instant, in one time zone. Ledger entries are stored with these ids. */
export interface Windows {
  /** The id has the offset from UTC, because an hour comes twice when the clocks go back. */
  readonly hour: string;
  readonly day: string;
  readonly week: string;
  readonly month: string;
  readonly all: string;
}

export const windowKinds = ["hour", "day", "week", "month", "all"] as const;
export type WindowKind = (typeof windowKinds)[number];

/** Every time zone's offset has been a multiple of this for decades, so that the wall clock jumps only between two steps. */
const stepMs = 15 * 60_000;
const minuteMs = 60_000;
const dayMs = 86_400_000;
const minutesPerDay = 1_440;
/** Longer than the longest window, a month. */
const horizonMs = 32 * dayMs;
/** Two days of steps: a search for a time of day looks at no more. */
const stepsMax = 192;

interface Step {
  readonly windows: Windows;
  /** Minutes since midnight on the wall clock, at the beginning of the step. */
  readonly minuteOfDay: number;
}

/** The calendar and the wall clock of one time zone, right over changes to and from summer time. */
export class Calendar {
  readonly timeZone: string;
  #made: Intl.DateTimeFormat | undefined;
  readonly #steps = new BoundedMap<number, Step>(stepsMax);

  /** @throws RangeError for a time zone that does not exist */
  constructor(timeZone: string) {
    this.timeZone = timeZone;
    if (timeZone !== "UTC") this.#makeFormat();
  }

  /** In UTC the format is made with its first use: it loads 8 MB of time zones. */
  get #format(): Intl.DateTimeFormat {
    return this.#made ?? this.#makeFormat();
  }

  #makeFormat(): Intl.DateTimeFormat {
    this.#made = new Intl.DateTimeFormat("en-US", {
      timeZone: this.timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      timeZoneName: "longOffset",
    });
    return this.#made;
  }

  /** The windows that hold `ms`. */
  at(ms: number): Windows {
    return this.#step(ms).windows;
  }

  /** Minutes since midnight on the wall clock at `ms`. */
  minuteOfDay(ms: number): number {
    return (this.#step(ms).minuteOfDay + Math.floor((((ms % stepMs) + stepMs) % stepMs) / minuteMs)) % minutesPerDay;
  }

  /**
   * The first whole minute, from the one that holds `ms` on, whose minute of the day passes the test.
   * @returns undefined when none does within two days
   */
  firstMinute(ms: number, test: (minuteOfDay: number) => boolean): number | undefined {
    const first = Math.floor(ms / minuteMs) * minuteMs;
    for (let at = first; at < first + 2 * dayMs; at += minuteMs) if (test(this.minuteOfDay(at))) return at;
    return undefined;
  }

  /** The end of the window of that kind that holds `ms`; undefined for `all`. */
  endOf(kind: WindowKind, ms: number): number | undefined {
    if (kind === "all") return undefined;
    const id = this.at(ms)[kind];
    let inside = Math.floor(ms / stepMs);
    let outside = inside + horizonMs / stepMs;
    while (outside - inside > 1) {
      const middle = Math.floor((inside + outside) / 2);
      if (this.#compute(middle).windows[kind] === id) inside = middle;
      else outside = middle;
    }
    return outside * stepMs;
  }

  #step(ms: number): Step {
    const number = Math.floor(ms / stepMs);
    const known = this.#steps.get(number);
    if (known !== undefined) return known;
    const step = this.#compute(number);
    this.#steps.set(number, step);
    return step;
  }

  #compute(step: number): Step {
    const parts = new Map(this.#format.formatToParts(step * stepMs).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
    const month = `${part("year").padStart(4, "0")}-${part("month")}`;
    const day = `${month}-${part("day")}`;
    const offset = part("timeZoneName").replace("GMT", "");
    const windows = {
      hour: `${day}T${part("hour")}${offset === "" ? "+00:00" : offset}`,
      day,
      week: isoWeek(day),
      month,
      all: "all",
    };
    return { windows, minuteOfDay: Number(part("hour")) * 60 + Number(part("minute")) };
  }
}

/** The ISO 8601 week of a date, e.g. `2026-W47`: weeks begin on Monday and belong to the year of their Thursday. */
function isoWeek(day: string): string {
  const ms = Date.parse(`${day}T00:00:00Z`);
  const weekday = (new Date(ms).getUTCDay() + 6) % 7;
  const thursday = new Date(ms + (3 - weekday) * dayMs);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * dayMs)) + 1;
  return `${year}-W${String(week).padStart(2, "0")}`;
}
