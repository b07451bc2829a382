/**
 * Manifests: Kubernetes' objects in YAML or JSON, parsed and checked into types.
 *
 * A *document* of a file holds one object, or a list of them. Its *kind* says which fields it has:
 * unsupported kinds and invalid values are refused, and fields without an effect here cause a warning. Every
 * problem names file, document, line and field, and all are reported at once. Kubernetes' defaults are not
 * filled in: code that uses a field knows its default.
 *
 * This room reads no files and runs nothing.
 */
export { cronSchedule } from "./cron-schedule.ts";
export { parseIndexRanges, writtenIndexes } from "./index-ranges.ts";
export { isKind, type Kind, kindNames, type Manifest, type ManifestOf, type Metadata } from "./kinds.ts";
export { isDnsLabel, isDnsName } from "./names.ts";
export { describeProblem, ManifestError, type Problem } from "./problems.ts";
export {
  type ManifestSource,
  type ReadManifests,
  type ReadOptions,
  readManifests,
} from "./read-manifests.ts";
export { maxCount } from "./schema.ts";
export type { Container, ContainerPort, EphemeralContainer } from "./schemas/container.ts";
export type { HttpGet, LifecycleHandler, Probe } from "./schemas/handlers.ts";
export type { LabelSelector } from "./schemas/metadata.ts";
export type { NodeSelectorTerm } from "./schemas/node-affinity.ts";
export type { PodTemplate } from "./schemas/pod.ts";
export type { PodSpec } from "./schemas/pod-spec.ts";
export { nodePorts } from "./schemas/service.ts";
export type { EnvVar } from "./schemas/sources.ts";
export { hugePageSize, type Volume, type VolumeMount } from "./schemas/volumes.ts";
export { meets, selects } from "./selector.ts";
