import { checkSchedule } from "../cron-schedule.ts";
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

const rollingUpdate = object({}, { maxSurge: countOrShare, maxUnavailable: countOrShare });

/** Pods that run for ever, of templates that select themselves. */
function selfSelecting(
  { selector, template }: { readonly selector: LabelSelector; readonly template: PodTemplate },
  place: Place,
): void {
  if (selector === undefined || template === undefined) return;
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
  selfSelecting,
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
      updateStrategy: object({}, { type: oneOf("RollingUpdate", "OnDelete"), rollingUpdate }),
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

export const jobSpec = checked(
  object(
    { template: podTemplate },
    {
      activeDeadlineSeconds: integer(0),
      backoffLimit: count,
      completionMode: oneOf("NonIndexed", "Indexed"),
      completions: count,
      parallelism: count,
      podFailurePolicy: object({ rules: list(failureRule) }, {}),
      suspend: boolean,
      ttlSecondsAfterFinished: count,
    },
    [
      "backoffLimitPerIndex",
      "managedBy",
      "manualSelector",
      "maxFailedIndexes",
      "podReplacementPolicy",
      "scheduling",
      "selector",
      "successPolicy",
    ],
  ),
  ({ template, completionMode, completions, podFailurePolicy }, place) => {
    for (const [index, { action, onPodConditions }] of (podFailurePolicy?.rules ?? []).entries()) {
      const at = place.at("podFailurePolicy", "rules", index);
      if (action === "FailIndex")
        at.at("action").error("FailIndex needs backoffLimitPerIndex, which is not supported");
      if (onPodConditions !== undefined) at.at("onPodConditions").warn("has no effect here");
    }
    if ((template?.spec?.restartPolicy ?? "Always") === "Always")
      place.at("template", "spec", "restartPolicy").error("must be OnFailure or Never");
    if (completionMode === "Indexed" && completions === undefined)
      place.at("completions").error("is required with completionMode Indexed");
  },
);

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
