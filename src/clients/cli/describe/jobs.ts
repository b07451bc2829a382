import { itemsAt, memberAt } from "../objects/manager-calls.ts";
import { describeTemplate } from "./pod.ts";
import type { Sheet } from "./sheet.ts";
import { shortDuration, writtenDate } from "./times.ts";
import {
  describeConditions,
  describeController,
  describeMetadata,
  lineIfSet,
  none,
  textAt,
} from "./values.ts";

const unset = "<unset>";

export function describeJob(sheet: Sheet, job: unknown): void {
  const spec = memberAt(job, "spec");
  describeMetadata(sheet, job);
  describeController(sheet, job);
  sheet.line(0, "Parallelism:", textAt(spec, "parallelism") || "1");
  sheet.line(0, "Completions:", completionsText(spec));
  sheet.line(0, "Completion Mode:", textAt(spec, "completionMode") || "NonIndexed");
  sheet.line(0, "Suspend:", String(memberAt(spec, "suspend") === true));
  const perIndex = memberAt(spec, "backoffLimitPerIndex");
  sheet.line(0, "Backoff Limit:", textAt(spec, "backoffLimit") || (perIndex === undefined ? "6" : unset));
  lineIfSet(sheet, 0, "Backoff Limit Per Index", spec, "backoffLimitPerIndex");
  lineIfSet(sheet, 0, "TTL Seconds After Finished", spec, "ttlSecondsAfterFinished");
  const [started, completed] = ["startTime", "completionTime"].map((key) => textAt(job, "status", key));
  if (started) sheet.line(0, "Start Time:", writtenDate(started));
  if (completed) sheet.line(0, "Completed At:", writtenDate(completed));
  if (started && completed)
    sheet.line(0, "Duration:", shortDuration(Date.parse(completed) - Date.parse(started)));
  const deadline = textAt(spec, "activeDeadlineSeconds");
  if (deadline !== "") sheet.line(0, "Active Deadline Seconds:", `${deadline}s`);
  const number = (key: string) => textAt(job, "status", key) || "0";
  const active = `${number("active")} Active (${number("ready")} Ready)`;
  sheet.line(
    0,
    "Pods Statuses:",
    `${active} / ${number("succeeded")} Succeeded / ${number("failed")} Failed`,
  );
  if (textAt(spec, "completionMode") === "Indexed")
    sheet.line(0, "Completed Indexes:", textAt(job, "status", "completedIndexes") || none);
  lineIfSet(sheet, 0, "Failed Indexes", job, "status", "failedIndexes");
  describeTemplate(sheet, memberAt(spec, "template"));
  describeConditions(sheet, job);
}

/** With more than one pod at once and no number of completions, each may be the last. */
function completionsText(spec: unknown): string {
  const given = textAt(spec, "completions");
  return given || (memberAt(spec, "parallelism") === undefined ? "1" : unset);
}

export function describeCronJob(sheet: Sheet, cronJob: unknown): void {
  const spec = memberAt(cronJob, "spec");
  const job = memberAt(spec, "jobTemplate", "spec");
  describeMetadata(sheet, cronJob);
  sheet.line(0, "Schedule:", textAt(spec, "schedule"));
  sheet.line(0, "Concurrency Policy:", textAt(spec, "concurrencyPolicy") || "Allow");
  sheet.line(0, "Suspend:", memberAt(spec, "suspend") === true ? "True" : "False");
  sheet.line(0, "Time Zone:", textAt(spec, "timeZone") || unset);
  sheet.line(0, "Successful Job History Limit:", textAt(spec, "successfulJobsHistoryLimit") || "3");
  sheet.line(0, "Failed Job History Limit:", textAt(spec, "failedJobsHistoryLimit") || "1");
  const deadline = textAt(spec, "startingDeadlineSeconds");
  sheet.line(0, "Starting Deadline Seconds:", deadline === "" ? unset : `${deadline}s`);
  sheet.line(0, "Parallelism:", textAt(job, "parallelism") || "1");
  sheet.line(0, "Completions:", completionsText(job));
  describeTemplate(sheet, memberAt(job, "template"));
  const last = textAt(cronJob, "status", "lastScheduleTime");
  sheet.line(0, "Last Schedule Time:", last === "" ? unset : writtenDate(last));
  const active = itemsAt(cronJob, "status", "active").map((one) => textAt(one, "name"));
  sheet.line(0, "Active Jobs:", active.join(", ") || none);
}
