import { checkMounts } from "../check-pod.ts";
import { dnsLabel } from "../names.ts";
import type { Place } from "../place.ts";
import { boolean, checked, count, intOrString, list, object, oneOf, type Schema, string } from "../schema.ts";
import { selects } from "../selector.ts";
import { type LabelSelector, labelSelector, objectMeta } from "./metadata.ts";
import { type PodTemplate, podTemplate, statefulTemplate } from "./pod.ts";
import { claimSpec } from "./volumes.ts";

/** A number, or a percentage such as `25%`. */
const countOrShare: Schema<number | string> = checked(intOrString, (value, place) => {
  const fits = typeof value === "number" ? value >= 0 : /^[0-9]{1,3}%$/.test(value);
  if (!fits) place.error('must be a number or a share such as "25%"');
});

/** The same, but more than none. */
const someOrShare = checked(countOrShare, (value, place) => {
  if (value === 0 || /^0+%$/.test(String(value))) place.error("may not be 0");
  if (typeof value === "string" && Number.parseInt(value, 10) > 100)
    place.error("must not be more than 100%");
});

const rollingUpdate = checked(
  object({}, { maxSurge: countOrShare, maxUnavailable: countOrShare }),
  ({ maxSurge, maxUnavailable }, place) => {
    const isNone = (value: number | string | undefined) => value === 0 || /^0+%$/.test(String(value));
    if (isNone(maxSurge) && isNone(maxUnavailable))
      place.at("maxUnavailable").error("must not be 0 if maxSurge is 0");
    if (typeof maxUnavailable === "string" && Number.parseInt(maxUnavailable, 10) > 100)
      place.at("maxUnavailable").error("must not be more than 100%");
  },
);

/** Workloads of pods that run forever, whose selector must match their template. */
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
  if (template.spec?.activeDeadlineSeconds !== undefined)
    place.at("template", "spec", "activeDeadlineSeconds").error("must not be set: these pods run forever");
}

export const deploymentSpec = checked(
  object(
    { selector: labelSelector, template: podTemplate },
    {
      replicas: count,
      minReadySeconds: count,
      paused: boolean,
      strategy: object({}, { type: oneOf("RollingUpdate", "Recreate"), rollingUpdate }),
      progressDeadlineSeconds: count,
      revisionHistoryLimit: count,
    },
  ),
  (spec, place) => {
    selfSelecting(spec, place);
    if ((spec.progressDeadlineSeconds ?? 600) <= (spec.minReadySeconds ?? 0))
      place.at("progressDeadlineSeconds").error("must be more than minReadySeconds");
    if (spec.strategy?.type === "Recreate" && spec.strategy.rollingUpdate !== undefined)
      place.at("strategy", "rollingUpdate").error("must not be set for type Recreate");
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
          // With one pod, the old one ends before the new one starts.
          rollingUpdate: object({}, { maxUnavailable: countOrShare }, ["maxSurge"]),
        },
      ),
      revisionHistoryLimit: count,
    },
  ),
  selfSelecting,
);

/** The part of a template that a revision of a StatefulSet or DaemonSet stores. */
export const revisionData = object({ spec: object({ template: statefulTemplate }, {}) }, {});

const claimTemplate = object(
  { metadata: objectMeta, spec: claimSpec },
  { apiVersion: string, kind: string },
  ["status"],
);

export const statefulSetSpec = checked(
  object(
    { selector: labelSelector, template: statefulTemplate },
    {
      replicas: count,
      minReadySeconds: count,
      serviceName: { ...dnsLabel, none: "" },
      podManagementPolicy: oneOf("OrderedReady", "Parallel"),
      ordinals: object({}, { start: count }),
      updateStrategy: object(
        {},
        {
          type: oneOf("RollingUpdate", "OnDelete"),
          rollingUpdate: object({}, { partition: count, maxUnavailable: someOrShare }),
        },
      ),
      volumeClaimTemplates: list(claimTemplate),
      persistentVolumeClaimRetentionPolicy: object(
        {},
        { whenDeleted: oneOf("Retain", "Delete"), whenScaled: oneOf("Retain", "Delete") },
      ),
      revisionHistoryLimit: count,
    },
  ),
  (spec, place) => {
    selfSelecting(spec, place);
    const claims = (spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name ?? "");
    if (spec.template?.spec !== undefined)
      checkMounts(spec.template.spec, place.at("template", "spec"), claims);
    if (spec.updateStrategy?.type === "OnDelete" && spec.updateStrategy.rollingUpdate !== undefined)
      place.at("updateStrategy", "rollingUpdate").error("must not be set for type OnDelete");
  },
);
