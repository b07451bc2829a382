/**
 * The Container Device Interface (CNCF, spec 1.1): devices of third parties by name, each a file's
 * instructions for what a container needs that uses it: device nodes, mounts, environment, hooks.
 *
 * Terms: a *spec* is one file of a vendor, of one *kind* (vendor/class); a *device name* is kind and device,
 * `vendor.com/gpu=0`; *edits* are what is changed in the container's OCI spec.
 *
 * This room reads and checks; it changes nothing and does not look at devices themselves.
 */

export { CdiDevices } from "./devices.ts";
export { CdiError, namesInAnnotations } from "./names.ts";
export type { CdiDeviceNode, CdiHook, CdiMount, CdiRdt, ContainerEdits } from "./spec.ts";
