import { Cron } from "croner";
import { messageOf } from "../../ground/errors/index.ts";
import type { Place } from "./place.ts";

/**
 * A schedule in cron's five fields, or one such as `@daily`, in a time zone of the IANA's data base or the
 * machine's. Throws for one that cannot be read; a manifest's has been checked.
 */
export function cronSchedule(schedule: string, timeZone?: string): Cron {
  return new Cron(schedule, {
    paused: true,
    mode: "5-part",
    ...(timeZone === undefined ? {} : { timezone: timeZone }),
  });
}

export function checkSchedule(
  { schedule, timeZone }: { readonly schedule: string; readonly timeZone?: string },
  place: Place,
): void {
  if (schedule === undefined) return;
  try {
    cronSchedule(schedule);
  } catch (error) {
    place.at("schedule").error(`${JSON.stringify(schedule)} is no schedule: ${messageOf(error)}`);
    return;
  }
  try {
    cronSchedule(schedule, timeZone).nextRun();
  } catch (error) {
    place.at("timeZone").error(`${JSON.stringify(timeZone)} is no time zone: ${messageOf(error)}`);
  }
}
