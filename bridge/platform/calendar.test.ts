import { describe, expect, test } from "@jest/globals";
import { Calendar } from "./calendar.ts";

const at = (timeZone: string, time: string) => new Calendar(timeZone).at(Date.parse(time));
const end = (timeZone: string, kind: "hour" | "day" | "week" | "month", time: string) =>
  new Date(new Calendar(timeZone).endOf(kind, Date.parse(time)) ?? 0).toISOString();

describe("Calendar", () => {
  test.each([
    [
      "UTC",
      "2026-11-21T08:30:00Z",
      { hour: "2026-11-21T08+00:00", day: "2026-11-21", week: "2026-W47", month: "2026-11" },
    ],
    [
      "Pacific/Auckland",
      "2026-12-31T12:00:00Z",
      { hour: "2027-01-01T01+13:00", day: "2027-01-01", week: "2026-W53", month: "2027-01" },
    ],
    ["Asia/Kathmandu", "2026-11-21T18:15:00Z", { hour: "2026-11-22T00+05:45", day: "2026-11-22" }],
    ["UTC", "2024-12-30T00:00:00Z", { week: "2025-W01" }],
  ])("in %s, %s is in its windows", (timeZone, time, windows) => {
    expect(at(timeZone, time)).toMatchObject(windows);
  });

  test("the hour that repeats when the clocks go back is two windows", () => {
    expect(at("America/New_York", "2026-11-01T05:30:00Z").hour).toBe("2026-11-01T01-04:00");
    expect(at("America/New_York", "2026-11-01T06:30:00Z").hour).toBe("2026-11-01T01-05:00");
  });

  test.each([
    ["UTC", "hour", "2026-11-21T08:30:00Z", "2026-11-21T09:00:00.000Z"],
    ["America/New_York", "day", "2026-11-01T12:00:00Z", "2026-11-02T05:00:00.000Z"],
    ["Europe/Berlin", "day", "2026-03-29T00:30:00Z", "2026-03-29T22:00:00.000Z"],
    ["UTC", "week", "2026-11-21T08:30:00Z", "2026-11-23T00:00:00.000Z"],
    ["Asia/Kathmandu", "month", "2026-11-21T08:30:00Z", "2026-11-30T18:15:00.000Z"],
    ["UTC", "month", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00.000Z"],
  ] as const)("in %s the %s of %s ends at %s", (timeZone, kind, time, expected) => {
    expect(end(timeZone, kind, time)).toBe(expected);
  });

  test("a lifetime window has no end", () => {
    expect(new Calendar("UTC").endOf("all", 0)).toBeUndefined();
  });
});

describe("minuteOfDay", () => {
  test.each([
    ["UTC", "2026-11-21T08:31:59Z", 8 * 60 + 31],
    ["Asia/Kathmandu", "2026-11-21T18:20:00Z", 5],
    ["Europe/Berlin", "2026-03-29T00:59:00Z", 119],
    ["Europe/Berlin", "2026-03-29T01:00:00Z", 180],
    ["Europe/Berlin", "2026-10-25T00:59:00Z", 179],
    ["Europe/Berlin", "2026-10-25T01:00:00Z", 120],
    ["UTC", "1969-12-31T23:59:00Z", 1_439],
  ])("in %s at %s is %i", (timeZone, time, expected) => {
    expect(new Calendar(timeZone).minuteOfDay(Date.parse(time))).toBe(expected);
  });
});
