/** The calendar windows of an instant in one time zone. The ledger stores these ids with each entry. */
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

/** The offset of every time zone has been a multiple of this for decades, so that no window begins within a step. */
const stepMs = 15 * 60_000;
const dayMs = 86_400_000;
/** Longer than the longest window. */
const horizonMs = 32 * dayMs;
const rememberedMax = 64;

/** Calendar windows of one time zone. */
export class Calendar {
  readonly timeZone: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #remembered = new Map<number, Windows>();

  /** @throws RangeError for a time zone that does not exist */
  constructor(timeZone: string) {
    this.timeZone = timeZone;
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      timeZoneName: "longOffset",
    });
  }

  at(ms: number): Windows {
    const step = Math.floor(ms / stepMs);
    const known = this.#remembered.get(step);
    if (known !== undefined) return known;
    const windows = this.#compute(step * stepMs);
    if (this.#remembered.size >= rememberedMax) this.#remembered.clear();
    this.#remembered.set(step, windows);
    return windows;
  }

  /** When the window of that kind which holds `ms` is over; undefined for `all`. */
  endOf(kind: WindowKind, ms: number): number | undefined {
    if (kind === "all") return undefined;
    const id = this.at(ms)[kind];
    let inside = Math.floor(ms / stepMs);
    let outside = inside + horizonMs / stepMs;
    while (outside - inside > 1) {
      const middle = Math.floor((inside + outside) / 2);
      if (this.#compute(middle * stepMs)[kind] === id) inside = middle;
      else outside = middle;
    }
    return outside * stepMs;
  }

  #compute(ms: number): Windows {
    const parts = new Map(this.#format.formatToParts(ms).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
    const month = `${part("year").padStart(4, "0")}-${part("month")}`;
    const day = `${month}-${part("day")}`;
    const offset = part("timeZoneName").replace("GMT", "");
    return {
      hour: `${day}T${part("hour")}${offset === "" ? "+00:00" : offset}`,
      day,
      week: isoWeek(day),
      month,
      all: "all",
    };
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
