/**
 * containerd's own API (github.com/containerd/containerd/api), with a namespace for each package, since their
 * messages share names. Times are messages of seconds and nanoseconds; a field mask is a list of paths. A
 * server offers `ContentService` instead of `contentV1.ContentService`: it does not copy the bytes of blobs.
 */
export * as events from "./containerd-events.ts";
export * as types from "./containerd-types.ts";
export { ContentService } from "./content-bytes.ts";
/** The metrics in a response of `Tasks.Metrics` (github.com/containerd/cgroups 3.1.3). */
export * as cgroupsV1 from "./generated/containerd/cgroups/v1/metrics.ts";
export * as cgroupsV2 from "./generated/containerd/cgroups/v2/metrics.ts";
export * as containersV1 from "./generated/containerd/services/containers/v1/containers.ts";
export * as contentV1 from "./generated/containerd/services/content/v1/content.ts";
export * as diffV1 from "./generated/containerd/services/diff/v1/diff.ts";
export * as eventsV1 from "./generated/containerd/services/events/v1/events.ts";
export * as imagesV1 from "./generated/containerd/services/images/v1/images.ts";
export * as introspectionV1 from "./generated/containerd/services/introspection/v1/introspection.ts";
export * as leasesV1 from "./generated/containerd/services/leases/v1/leases.ts";
export * as mountsV1 from "./generated/containerd/services/mounts/v1/mounts.ts";
export * as namespacesV1 from "./generated/containerd/services/namespaces/v1/namespace.ts";
export * as sandboxV1 from "./generated/containerd/services/sandbox/v1/sandbox.ts";
export * as snapshotsV1 from "./generated/containerd/services/snapshots/v1/snapshots.ts";
export * as streamingV1 from "./generated/containerd/services/streaming/v1/streaming.ts";
export * as tasksV1 from "./generated/containerd/services/tasks/v1/tasks.ts";
export * as transferV1 from "./generated/containerd/services/transfer/v1/transfer.ts";
export * as versionV1 from "./generated/containerd/services/version/v1/version.ts";
export * as runcOptions from "./generated/containerd/types/runc/options/oci.ts";
export * as runtimeOptions from "./generated/containerd/types/runtimeoptions/v1/api.ts";
export * as transferContainers from "./generated/containerd/types/transfer/container.ts";
export * as transferImages from "./generated/containerd/types/transfer/imagestore.ts";
export * as transferArchives from "./generated/containerd/types/transfer/importexport.ts";
export * as transferProgress from "./generated/containerd/types/transfer/progress.ts";
export * as transferRegistries from "./generated/containerd/types/transfer/registry.ts";
export * as transferStreams from "./generated/containerd/types/transfer/streaming.ts";
