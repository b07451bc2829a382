import { Cron } from "croner";
import { messageOf } from "../../ground/errors/index.ts";
import { cronFields } from "./cron-fields.ts";
import type { Place } from "./place.ts";

/** The times at which a CronJob is due; all in milliseconds since 1970. */
export interface Schedule {
  /** The first time after a moment; undefined for a date that never comes. */
  next(afterMs: number): number | undefined;
  /** The last time after one moment and up to another, inclusive. */
  lastDue(afterMs: number, untilMs: number): number | undefined;
}

/**
 * Parses a schedule as Kubernetes does: cron's five fields, or a name such as `@daily`, in an IANA time zone
 * or the machine's, or `@every 90m` since the last time. Throws for schedules that Kubernetes rejects; those
 * of manifests were checked before.
 */
export function cronSchedule(schedule: string, timeZone = Temporal.Now.timeZoneId()): Schedule {
  return schedule.startsWith("@every ")
    ? new Interval(intervalMs(schedule.slice("@every ".length)))
    : new Calendar(cronFields(schedule), timeZone);
}

class Interval implements Schedule {
  readonly #everyMs: number;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  next(afterMs: number): number {
    return wholeSeconds(afterMs) + this.#everyMs;
  }

  lastDue(afterMs: number, untilMs: number): number | undefined {
    const count = Math.floor((untilMs - wholeSeconds(afterMs)) / this.#everyMs);
    return count < 1 ? undefined : wholeSeconds(afterMs) + count * this.#everyMs;
  }
}

/**
 * Each minute whose local time matches: none if clocks are put forward over it, two if they are put back.
 * Libraries differ there: croner runs a skipped time an hour later, and a repeated one once. So croner is
 * asked for the times of one UTC offset, and this class follows the offset.
 */
class Calendar implements Schedule {
  readonly #fields: string;
  readonly #timeZone: string;

  constructor(fields: string, timeZone: string) {
    this.#fields = fields;
    this.#timeZone = timeZone;
  }

  next(afterMs: number): number | undefined {
    for (let fromMs = afterMs; ; ) {
      const found = this.#cronAt(fromMs).nextRun(new Date(fromMs))?.getTime();
      const changeMs = this.#clock(fromMs).getTimeZoneTransition("next")?.epochMilliseconds;
      if (changeMs === undefined || (found !== undefined && found < changeMs)) return found;
      if (found === undefined) return undefined;
      // The minute of the change itself belongs to the new offset.
      const atChange = this.#cronAt(changeMs);
      if (atChange.match(new Date(changeMs))) return changeMs;
      fromMs = changeMs;
    }
  }

  lastDue(afterMs: number, untilMs: number): number | undefined {
    for (let endMs = untilMs; endMs > afterMs; ) {
      const changeMs = this.#clock(endMs + 1).getTimeZoneTransition("previous")?.epochMilliseconds;
      const beginMs = Math.max(changeMs ?? afterMs + 1, afterMs + 1);
      const [found] = this.#cronAt(endMs).previousRuns(1, new Date(endMs + 1));
      if (found !== undefined && found.getTime() >= beginMs) return found.getTime();
      endMs = beginMs - 1;
    }
    return undefined;
  }

  #clock(atMs: number): Temporal.ZonedDateTime {
    return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(this.#timeZone);
  }

  #cronAt(atMs: number): Cron {
    const utcOffset = Math.round(this.#clock(atMs).offsetNanoseconds / 60e9);
    return new Cron(this.#fields, { paused: true, mode: "5-part", utcOffset });
  }
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

const unitsMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** A duration in Go's format, rounded to whole seconds, at least one, as in robfig/cron. */
function intervalMs(text: string): number {
  if (!/^(\d{1,9}(\.\d{1,9})?(h|ms|m|s))+$/.test(text)) {
    throw new Error(`${JSON.stringify(text)} is not a duration such as 90s, 10m or 1h30m`);
  }
  const ms = text
    .matchAll(/(\d{1,9}(?:\.\d{1,9})?)(h|ms|m|s)/gy)
    .reduce((sum, [, count, unit]) => sum + Number(count) * (unitsMs[unit ?? ""] ?? 0), 0);
  return Math.max(1000, wholeSeconds(ms));
}

export function checkSchedule(
  { schedule, timeZone }: { readonly schedule: string; readonly timeZone?: string },
  place: Place,
): void {
  if (schedule === undefined) return;
  try {
    cronSchedule(schedule, "UTC");
  } catch (error) {
    place.at("schedule").error(`${JSON.stringify(schedule)} is not a schedule: ${messageOf(error)}`);
  }
  if (timeZone === undefined) return;
  try {
    Temporal.Now.zonedDateTimeISO(timeZone);
  } catch (error) {
    place.at("timeZone").error(`${JSON.stringify(timeZone)} is not a time zone: ${messageOf(error)}`);
  }
}
