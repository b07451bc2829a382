/**
 * The Container Device Interface (CNCF, spec 1.1): vendors' devices by name; files say what a container needs
 * to use one: device nodes, mounts, environment, hooks.
 *
 * Terms: a *spec* is one file of a vendor, of one *kind* (vendor/class); a *device name* is kind and device,
 * `vendor.com/gpu=0`; *edits* are changes to the container's OCI spec.
 *
 * This room reads and checks specs; it changes nothing and does not access the devices.
 */

export { CdiDevices } from "./devices.ts";
export { CdiError, namesInAnnotations } from "./names.ts";
export type { CdiDeviceNode, CdiHook, CdiMount, CdiRdt, ContainerEdits } from "./spec.ts";
