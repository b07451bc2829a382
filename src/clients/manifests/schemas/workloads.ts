import { checkSchedule } from "../cron-schedule.ts";
import { parseIndexRanges } from "../index-ranges.ts";
import type { Place } from "../place.ts";
import {
  boolean,
  checked,
  filled,
  integer,
  intOrString,
  list,
  object,
  oneOf,
  type Read,
  type Schema,
  string,
} from "../schema.ts";
import { selects } from "../selector.ts";
import { type LabelSelector, labelSelector, objectMeta, templateMeta } from "./metadata.ts";
import { type PodTemplate, podTemplate } from "./pod.ts";
import { claimSpec } from "./volumes.ts";

const count = integer(0);

/** A number, or a share such as `25%`. */
const countOrShare: Schema<number | string> = checked(intOrString, (value, place) => {
  const fits = typeof value === "number" ? value >= 0 : /^[0-9]{1,3}%$/.test(value);
  if (!fits) place.error('must be a number or a share such as "25%"');
});

const rollingUpdate = checked(
  object({}, { maxSurge: countOrShare, maxUnavailable: countOrShare }),
  ({ maxSurge, maxUnavailable }, place) => {
    const isNone = (value: number | string | undefined) => value === 0 || /^0+%$/.test(String(value));
    if (isNone(maxSurge) && isNone(maxUnavailable))
      place.at("maxUnavailable").error("may not be 0 where maxSurge is 0");
    if (typeof maxUnavailable === "string" && Number.parseInt(maxUnavailable, 10) > 100)
      place.at("maxUnavailable").error("may not be more than 100%");
  },
);

/** Pods that run for ever, of templates that select themselves. */
function selfSelecting(
  { selector, template }: { readonly selector: LabelSelector; readonly template: PodTemplate },
  place: Place,
): void {
  if (selector === undefined || template === undefined) return;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  if (Object.keys(matchLabels).length + matchExpressions.length === 0)
    place.at("selector").error("must not be empty: it would select all pods");
  if (!selects(selector, template.metadata?.labels ?? {}))
    place.at("selector").error("does not select the labels of the template");
  if ((template.spec?.restartPolicy ?? "Always") !== "Always")
    place.at("template", "spec", "restartPolicy").error("must be Always");
}

export const deploymentSpec = checked(
  object(
    { selector: labelSelector, template: podTemplate },
    {
      replicas: count,
      minReadySeconds: count,
      paused: boolean,
      strategy: object({}, { type: oneOf("RollingUpdate", "Recreate"), rollingUpdate }),
    },
    ["progressDeadlineSeconds", "revisionHistoryLimit"],
  ),
  (spec, place) => {
    selfSelecting(spec, place);
    if (spec.strategy?.type === "Recreate" && spec.strategy.rollingUpdate !== undefined)
      place.at("strategy", "rollingUpdate").error("may not be there for the type Recreate");
  },
);

export const replicaSetSpec = checked(
  object({ selector: labelSelector, template: podTemplate }, { replicas: count, minReadySeconds: count }),
  selfSelecting,
);

export const daemonSetSpec = checked(
  object(
    { selector: labelSelector, template: podTemplate },
    {
      minReadySeconds: count,
      updateStrategy: object(
        {},
        {
          type: oneOf("RollingUpdate", "OnDelete"),
          // One pod: the old one ends before the new one begins.
          rollingUpdate: object({}, { maxUnavailable: countOrShare }, ["maxSurge"]),
        },
      ),
    },
    ["revisionHistoryLimit"],
  ),
  selfSelecting,
);

const claimTemplate = object(
  { metadata: objectMeta, spec: claimSpec },
  { apiVersion: string, kind: string },
  ["status"],
);

export const statefulSetSpec = checked(
  object(
    { selector: labelSelector, template: podTemplate },
    {
      replicas: count,
      minReadySeconds: count,
      serviceName: string,
      podManagementPolicy: oneOf("OrderedReady", "Parallel"),
      ordinals: object({}, { start: count }),
      updateStrategy: object(
        {},
        {
          type: oneOf("RollingUpdate", "OnDelete"),
          rollingUpdate: object({}, { partition: count }, ["maxUnavailable"]),
        },
      ),
      volumeClaimTemplates: list(claimTemplate),
      persistentVolumeClaimRetentionPolicy: object(
        {},
        { whenDeleted: oneOf("Retain", "Delete"), whenScaled: oneOf("Retain", "Delete") },
      ),
    },
    ["revisionHistoryLimit"],
  ),
  selfSelecting,
);

const failureRule = object(
  { action: oneOf("FailJob", "FailIndex", "Ignore", "Count") },
  {
    onExitCodes: object(
      { operator: oneOf("In", "NotIn"), values: filled(integer(0, 255)) },
      { containerName: string },
    ),
    onPodConditions: list(object({ type: string }, { status: string })),
  },
);

const successRule = checked(
  object({}, { succeededCount: integer(1), succeededIndexes: string }),
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
    podFailurePolicy: object({ rules: list(failureRule) }, {}),
    podReplacementPolicy: oneOf("TerminatingOrFailed", "Failed"),
    successPolicy: object({ rules: filled(successRule) }, {}),
    suspend: boolean,
    ttlSecondsAfterFinished: count,
  },
  ["managedBy", "manualSelector", "scheduling", "selector"],
);
type JobFields = Read<typeof jobFields>;

/** What the fields of a job must be to each other. */
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
    if (onExitCodes?.operator === "In" && onExitCodes.values?.includes(0))
      at.at("onExitCodes", "values").error("must not have 0 with the operator In");
  }
  for (const [index, { succeededIndexes, succeededCount = 1 }] of (successPolicy?.rules ?? []).entries()) {
    const at = place.at("successPolicy", "rules", index);
    const last = (parseIndexRanges(succeededIndexes ?? "0") ?? []).at(-1)?.last ?? 0;
    if (completions !== undefined && last >= completions)
      at.at("succeededIndexes").error("has an index that the job has not");
    if (completions !== undefined && succeededCount > completions)
      at.at("succeededCount").error("must not be more than completions");
  }
}

export const jobSpec = checked(jobFields, checkJob);

export const cronJobSpec = checked(
  object(
    { schedule: string, jobTemplate: object({ spec: jobSpec }, { metadata: templateMeta }) },
    {
      timeZone: string,
      concurrencyPolicy: oneOf("Allow", "Forbid", "Replace"),
      startingDeadlineSeconds: count,
      successfulJobsHistoryLimit: count,
      failedJobsHistoryLimit: count,
      suspend: boolean,
    },
  ),
  checkSchedule,
);
