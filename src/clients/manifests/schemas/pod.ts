import { checkPodSpec } from "../check-pod.ts";
import { checked, object, type Read } from "../schema.ts";
import { templateMeta } from "./metadata.ts";
import { rawPodSpec } from "./pod-spec.ts";

/** The specification of a pod, with what its fields must be to each other. */
export const podSpec = checked(rawPodSpec, checkPodSpec);

export const podTemplate = object({ spec: podSpec }, { metadata: templateMeta });
export type PodTemplate = Read<typeof podTemplate>;
