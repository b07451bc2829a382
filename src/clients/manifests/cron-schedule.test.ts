import assert from "node:assert/strict";
import { test } from "node:test";
import { cronSchedule } from "./index.ts";

function times(schedule: string, timeZone: string, from: string, count = 3): string[] {
  const { next } = bound(schedule, timeZone);
  const found: number[] = [];
  let atMs: number | undefined = Date.parse(from);
  while (found.length < count) {
    atMs = next(atMs);
    if (atMs === undefined) break;
    found.push(atMs);
  }
  return found.map(written);
}

function bound(schedule: string, timeZone: string) {
  const read = cronSchedule(schedule, timeZone);
  return { next: (ms: number) => read.next(ms), lastDue: (a: number, b: number) => read.lastDue(a, b) };
}

function written(ms: number): string {
  return new Date(ms).toISOString().replace(":00.000Z", "Z");
}

// What Kubernetes 1.37's schedules (robfig/cron v3.0.1) answer to the same.
const newYork = "America/New_York";

test("a time that clocks skip is not run that day", () => {
  assert.deepEqual(times("30 2 * * *", newYork, "2026-03-07T12:00:00Z"), [
    "2026-03-09T06:30Z",
    "2026-03-10T06:30Z",
    "2026-03-11T06:30Z",
  ]);
  assert.deepEqual(times("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 1), [
    "2026-10-04T15:15Z",
  ]);
  assert.deepEqual(times("0 0 * * *", "America/Santiago", "2026-09-04T12:00:00Z", 2), [
    "2026-09-05T04:00Z",
    "2026-09-07T03:00Z",
  ]);
});

test("the time at which clocks go on is run", () => {
  assert.deepEqual(times("30 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2), [
    "2026-10-03T15:30Z",
    "2026-10-04T15:30Z",
  ]);
  assert.deepEqual(times("*/30 * * * *", newYork, "2026-03-08T06:15:00Z", 3), [
    "2026-03-08T06:30Z",
    "2026-03-08T07:00Z",
    "2026-03-08T07:30Z",
  ]);
});

test("a time that comes twice is run twice", () => {
  assert.deepEqual(times("30 1 * * *", newYork, "2026-10-31T12:00:00Z"), [
    "2026-11-01T05:30Z",
    "2026-11-01T06:30Z",
    "2026-11-02T06:30Z",
  ]);
  assert.deepEqual(times("0 * * * *", newYork, "2026-11-01T04:15:00Z", 4), [
    "2026-11-01T05:00Z",
    "2026-11-01T06:00Z",
    "2026-11-01T07:00Z",
    "2026-11-01T08:00Z",
  ]);
});

test("a single value with a step begins a range to the end", () => {
  assert.deepEqual(times("5/15 * * * *", "UTC", "2026-03-07T12:00:00Z", 4), [
    "2026-03-07T12:05Z",
    "2026-03-07T12:20Z",
    "2026-03-07T12:35Z",
    "2026-03-07T12:50Z",
  ]);
});

test("an interval counts from the last time", () => {
  const { next, lastDue } = bound("@every 1h30m", "UTC");
  const fromMs = Date.parse("2026-03-07T12:00:10.250Z");
  assert.equal(next(fromMs), Date.parse("2026-03-07T13:30:10Z"));
  assert.equal(lastDue(fromMs, fromMs + 5_000_000), undefined);
  assert.equal(lastDue(fromMs, Date.parse("2026-03-07T18:00:09Z")), Date.parse("2026-03-07T16:30:10Z"));
});

test("the last time that was due is the one before which next names none", () => {
  for (const schedule of ["30 2 * * *", "30 1 * * *", "*/30 * * * *", "0 0 13 * 5", "0 0 */2 * 1"]) {
    const { next, lastDue } = bound(schedule, newYork);
    for (const from of ["2026-03-06T12:00:00Z", "2026-10-30T12:00:00Z"]) {
      const fromMs = Date.parse(from);
      let expected: number | undefined;
      for (let untilMs = fromMs; untilMs < fromMs + 4 * 86_400_000; untilMs += 1_800_000) {
        const following = next(expected ?? fromMs);
        if (following !== undefined && following <= untilMs) expected = following;
        assert.equal(lastDue(fromMs, untilMs), expected, `${schedule} until ${written(untilMs)}`);
      }
    }
  }
});

test("a date that never comes has no time", () => {
  assert.deepEqual(times("0 0 31 2 *", newYork, "2026-03-07T12:00:00Z"), []);
  assert.equal(bound("0 0 31 2 *", newYork).lastDue(0, Date.parse("2026-03-07T12:00:00Z")), undefined);
});

test("days of week, names and nicknames are read as in Kubernetes", () => {
  assert.deepEqual(times("0 0 ? jan-MAR fri", "UTC", "2026-03-07T12:00:00Z", 2), [
    "2026-03-13T00:00Z",
    "2026-03-20T00:00Z",
  ]);
  assert.deepEqual(times("@weekly", "UTC", "2026-03-07T12:00:00Z", 1), ["2026-03-08T00:00Z"]);
  assert.deepEqual(times("0 0 */2 * 1", "UTC", "2026-03-07T12:00:00Z", 5), [
    "2026-03-09T00:00Z",
    "2026-03-11T00:00Z",
    "2026-03-13T00:00Z",
    "2026-03-15T00:00Z",
    "2026-03-16T00:00Z",
  ]);
});

test("what Kubernetes refuses is refused with the field's name", () => {
  const refused: [string, RegExp][] = [
    ["0 0 * * 7", /day of week "7": 7 is not from 0 to 6/],
    ["0 0 L * *", /day of month "L": "L" is not a number/],
    ["0 23-1 * * *", /hour "23-1": a range must be ascending/],
    ["60 0 * * *", /minute "60"/],
    ["*/0 * * * *", /minute "\*\/0": a step is at least 1/],
    ["* * * * * *", /6 fields/],
    ["@every soon", /"soon" is not a duration/],
    ["@reboot", /1 fields/],
    ["TZ=UTC 0 0 * * *", /6 fields/],
  ];
  for (const [schedule, message] of refused) assert.throws(() => cronSchedule(schedule, "UTC"), message);
});
