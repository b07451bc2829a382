/**
 * Mounts that are made in steps, as containerd's mount manager makes them (its core/mount/manager): images of
 * file systems that must be mounted, or be made block devices, before another mount can refer to them.
 *
 * Terms: an *activation* is a named list of mounts, of which the first ones are made here (*active*) and the
 * rest, described in full, are for whoever asked (*system* mounts); a *transform* is what the type of a mount
 * begins with (`format/`, `mkdir/`, `mkfs/`), and changes its description, or makes what it needs, before it
 * is mounted.
 *
 * What is mounted is written down in the state directory, which goes with the machine as mounts do. This room
 * knows no client's messages.
 */
export type { Activation, ActivationRequest, Activations, ActiveMount, GivenMount } from "./activation.ts";
export { ActivationStore } from "./activation-store.ts";
export type { Holder } from "./holders.ts";
export { MountsError } from "./mounts-error.ts";
