/** Messages that several of containerd's services share (packages containerd.types, containerd.v1.types). */
export { Any } from "./generated/containerd/google/protobuf/any.ts";
export { Timestamp } from "./generated/containerd/google/protobuf/timestamp.ts";
export { Descriptor } from "./generated/containerd/types/descriptor.ts";
export { Envelope } from "./generated/containerd/types/event.ts";
export { RuntimeInfo, RuntimeRequest } from "./generated/containerd/types/introspection.ts";
export { Metric } from "./generated/containerd/types/metrics.ts";
export { ActivationInfo, Mount } from "./generated/containerd/types/mount.ts";
export { Platform } from "./generated/containerd/types/platform.ts";
export { Sandbox } from "./generated/containerd/types/sandbox.ts";
export { Process, ProcessInfo, Status } from "./generated/containerd/types/task/task.ts";
