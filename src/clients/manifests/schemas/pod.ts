import { checkMounts, checkPodSpec } from "../check-pod.ts";
import { checked, object, type Read } from "../schema.ts";
import { templateMeta } from "./metadata.ts";
import { rawPodSpec } from "./pod-spec.ts";

const withAnyMounts = checked(rawPodSpec, checkPodSpec);

/** The specification of a pod, with what its fields must be to each other. */
export const podSpec = checked(withAnyMounts, (spec, place) => checkMounts(spec, place));

export const podTemplate = object({ spec: podSpec }, { metadata: templateMeta });
export type PodTemplate = Read<typeof podTemplate>;

/** Of pods that get more volumes than it says: who makes them knows what they can mount. */
export const statefulTemplate = object({ spec: withAnyMounts }, { metadata: templateMeta });
