import { checkMounts, checkPodSpec } from "../check-pod.ts";
import { checked, object, type Read } from "../schema.ts";
import { templateMeta } from "./metadata.ts";
import { rawPodSpec } from "./pod-spec.ts";

const withAnyMounts = checked(rawPodSpec, checkPodSpec);

/** The specification of a pod, including checks between fields. */
export const podSpec = checked(withAnyMounts, (spec, place) => checkMounts(spec, place));

export const podTemplate = object({ spec: podSpec }, { metadata: templateMeta });
export type PodTemplate = Read<typeof podTemplate>;

/** A template of pods that get further volumes; whoever creates them checks the mounts. */
export const statefulTemplate = object({ spec: withAnyMounts }, { metadata: templateMeta });
