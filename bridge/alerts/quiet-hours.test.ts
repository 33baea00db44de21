import { expect, test } from "@jest/globals";
import { dueAt } from "./quiet-hours.ts";

const at = (now: string, from: string, to: string) =>
  new Date(dueAt(Date.parse(now), { from, to, timeZone: "Europe/Berlin" })).toISOString();

test.each([
  ["2026-11-21T21:30:00Z", "2026-11-22T06:00:00.000Z"],
  ["2026-11-22T05:59:30Z", "2026-11-22T06:00:00.000Z"],
  ["2026-11-22T06:00:00Z", "2026-11-22T06:00:00.000Z"],
  ["2026-11-22T12:00:00Z", "2026-11-22T12:00:00.000Z"],
  // The night in which 02:00 becomes 03:00.
  ["2026-03-28T22:10:20Z", "2026-03-29T05:00:00.000Z"],
  ["2026-03-29T01:10:00Z", "2026-03-29T05:00:00.000Z"],
  // The night in which 03:00 becomes 02:00.
  ["2026-10-24T20:30:00Z", "2026-10-25T06:00:00.000Z"],
  ["2026-10-25T01:30:00Z", "2026-10-25T06:00:00.000Z"],
])("an alert of %s is delivered at %s, with quiet hours from 22:00 to 07:00 in Berlin", (now, expected) => {
  expect(at(now, "22:00", "07:00")).toBe(expected);
});

test.each([
  { name: "an end that the wall clock skips", now: "2026-03-28T22:00:00Z", expected: "2026-03-29T01:00:00.000Z" },
  { name: "the first of two ends", now: "2026-10-24T22:00:00Z", expected: "2026-10-25T00:30:00.000Z" },
  { name: "the repeated half hour", now: "2026-10-25T01:10:00Z", expected: "2026-10-25T01:30:00.000Z" },
])("quiet hours until 02:30 in Berlin end at $expected: $name", ({ now, expected }) => {
  expect(at(now, "22:00", "02:30")).toBe(expected);
});
