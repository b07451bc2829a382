import { checkSchedule } from "../cron-schedule.ts";
import { parseIndexRanges } from "../index-ranges.ts";
import { qualifiedName } from "../names.ts";
import type { Place } from "../place.ts";
import {
  atMost,
  boolean,
  checked,
  count,
  filled,
  integer,
  list,
  maxCount,
  object,
  oneOf,
  type Read,
  string,
} from "../schema.ts";
import { templateMeta } from "./metadata.ts";
import { podTemplate } from "./pod.ts";
import type { PodSpec } from "./pod-spec.ts";

const failureRule = object(
  { action: oneOf("FailJob", "FailIndex", "Ignore", "Count") },
  {
    onExitCodes: object(
      { operator: oneOf("In", "NotIn"), values: filled(integer()) },
      { containerName: string },
    ),
    onPodConditions: atMost(
      20,
      list(object({ type: qualifiedName }, { status: oneOf("True", "False", "Unknown") })),
    ),
  },
);

const successRule = checked(
  object({}, { succeededCount: integer(1, maxCount), succeededIndexes: string }),
  ({ succeededCount, succeededIndexes }, place) => {
    if (succeededCount === undefined && succeededIndexes === undefined)
      place.error("needs one of succeededCount and succeededIndexes");
    if (succeededIndexes !== undefined && parseIndexRanges(succeededIndexes) === undefined)
      place.at("succeededIndexes").error('must be indexes that rise, such as "0,2-4"');
  },
);

const jobFields = object(
  { template: podTemplate },
  {
    activeDeadlineSeconds: integer(0),
    backoffLimit: count,
    completionMode: oneOf("NonIndexed", "Indexed"),
    completions: count,
    parallelism: count,
    backoffLimitPerIndex: count,
    maxFailedIndexes: count,
    podFailurePolicy: object({ rules: atMost(20, list(failureRule)) }, {}),
    podReplacementPolicy: oneOf("TerminatingOrFailed", "Failed"),
    successPolicy: object({ rules: atMost(20, filled(successRule)) }, {}),
    suspend: boolean,
    ttlSecondsAfterFinished: count,
  },
  ["managedBy", "manualSelector", "scheduling", "selector"],
);
type JobFields = Read<typeof jobFields>;

/** Checks relations between the fields of a job. */
function checkJob(spec: JobFields, place: Place): void {
  const { template, completionMode, completions, podFailurePolicy, podReplacementPolicy } = spec;
  const { backoffLimitPerIndex, maxFailedIndexes, successPolicy } = spec;
  const restartPolicy = template?.spec?.restartPolicy ?? "Always";
  const policyPlace = place.at("template", "spec", "restartPolicy");
  if (restartPolicy === "Always") policyPlace.error("must be OnFailure or Never");
  else if (restartPolicy !== "Never")
    for (const key of ["backoffLimitPerIndex", "podFailurePolicy"] as const)
      if (spec[key] !== undefined) policyPlace.error(`must be Never with ${key}`);
  if (completionMode !== "Indexed")
    for (const key of ["backoffLimitPerIndex", "successPolicy"] as const)
      if (spec[key] !== undefined) place.at(key).error("needs completionMode Indexed");
  if (completionMode === "Indexed" && completions === undefined)
    place.at("completions").error("is required with completionMode Indexed");
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined)
    place.at("maxFailedIndexes").error("needs backoffLimitPerIndex");
  if (maxFailedIndexes !== undefined && maxFailedIndexes > (completions ?? 0))
    place.at("maxFailedIndexes").error("must not be more than completions");
  if (podFailurePolicy !== undefined && podReplacementPolicy === "TerminatingOrFailed")
    place.at("podReplacementPolicy").error("must be Failed with podFailurePolicy");
  for (const [index, { action, onExitCodes, onPodConditions }] of (podFailurePolicy?.rules ?? []).entries()) {
    const at = place.at("podFailurePolicy", "rules", index);
    if (action === "FailIndex" && backoffLimitPerIndex === undefined)
      at.at("action").error("FailIndex needs backoffLimitPerIndex");
    if ((onExitCodes === undefined) === (onPodConditions === undefined))
      at.error("needs one of onExitCodes and onPodConditions");
    if (onExitCodes !== undefined) checkExitCodes(onExitCodes, template?.spec, at.at("onExitCodes"));
  }
  for (const [index, { succeededIndexes, succeededCount = 0 }] of (successPolicy?.rules ?? []).entries()) {
    const at = place.at("successPolicy", "rules", index);
    const ranges = parseIndexRanges(succeededIndexes ?? "0") ?? [];
    const last = ranges.at(-1)?.last ?? 0;
    const named = ranges.reduce((sum, range) => sum + range.last - range.first + 1, 0);
    if (succeededIndexes !== undefined && succeededCount > named)
      at.at("succeededCount").error("must not be more than the number of succeededIndexes");
    if (completions !== undefined && last >= completions)
      at.at("succeededIndexes").error("has an index that the job does not have");
    if (completions !== undefined && succeededCount > completions)
      at.at("succeededCount").error("must not be more than completions");
  }
}

type ExitCodes = NonNullable<Read<typeof failureRule>["onExitCodes"]>;

function checkExitCodes(
  { operator, values = [], containerName: name }: ExitCodes,
  spec: PodSpec | undefined,
  place: Place,
): void {
  const at = place.at("values");
  if (operator === "In" && values.includes(0)) at.error("must not have 0 with the operator In");
  if (values.some((value, index) => index > 0 && value <= (values[index - 1] ?? value)))
    at.error("must be ascending, without duplicates");
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  if (name !== undefined && !containers.some((one) => one.name === name))
    place.at("containerName").error(`there is no container ${JSON.stringify(name)}`);
}

export const jobSpec = checked(jobFields, checkJob);

export const cronJobSpec = checked(
  object(
    { schedule: string, jobTemplate: object({ spec: jobSpec }, { metadata: templateMeta }) },
    {
      timeZone: string,
      concurrencyPolicy: oneOf("Allow", "Forbid", "Replace"),
      startingDeadlineSeconds: integer(0),
      successfulJobsHistoryLimit: count,
      failedJobsHistoryLimit: count,
      suspend: boolean,
    },
  ),
  checkSchedule,
);
