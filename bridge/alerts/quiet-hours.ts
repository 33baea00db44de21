/** The daily hours in which only critical alerts are sent. */
export interface QuietHours {
  /** `HH:MM`, in the time zone. */
  readonly from: string;
  readonly to: string;
  /** An IANA name. */
  readonly timeZone: string;
}

const minutesOf = (time: string): number => {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return hours * 60 + minutes;
};

/** When an alert of `nowMs` may be sent: at once, or at the end of the quiet hours. */
export function dueAt(nowMs: number, quiet: QuietHours | undefined): number {
  if (quiet === undefined) return nowMs;
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: quiet.timeZone,
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const [now, from, to] = [minutesOf(format.format(nowMs)), minutesOf(quiet.from), minutesOf(quiet.to)];
  const isQuiet = from <= to ? now >= from && now < to : now >= from || now < to;
  if (!isQuiet) return nowMs;
  const minutesLeft = (to - now + 1440) % 1440;
  return Math.floor(nowMs / 60_000) * 60_000 + minutesLeft * 60_000;
}
