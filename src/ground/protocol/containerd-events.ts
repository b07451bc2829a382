/** Events of containerd (package containerd.events), which travel in an Any. */
export * from "./generated/containerd/events/container.ts";
export * from "./generated/containerd/events/content.ts";
export * from "./generated/containerd/events/image.ts";
export * from "./generated/containerd/events/namespace.ts";
export * from "./generated/containerd/events/sandbox.ts";
export * from "./generated/containerd/events/snapshot.ts";
export * from "./generated/containerd/events/task.ts";
