import { Calendar } from "../platform/calendar.ts";

/** The span of each day in which only critical alerts are delivered. */
export interface QuietHours {
  /** `HH:MM`, in the time zone. */
  readonly from: string;
  readonly to: string;
  /** An IANA name. */
  readonly timeZone: string;
}

/** When an alert that is raised at `nowMs` may be delivered: at once, or at the end of the quiet hours. */
export function dueAt(nowMs: number, quiet: QuietHours | undefined): number {
  if (quiet === undefined) return nowMs;
  const from = minutesOf(quiet.from);
  const to = minutesOf(quiet.to);
  const isQuiet = (minute: number) => (from <= to ? minute >= from && minute < to : minute >= from || minute < to);
  const calendar = new Calendar(quiet.timeZone);
  if (!isQuiet(calendar.minuteOfDay(nowMs))) return nowMs;
  return calendar.firstMinute(nowMs, (minute) => !isQuiet(minute)) ?? nowMs;
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return hours * 60 + minutes;
}
