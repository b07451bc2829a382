/**
 * Mounts in several steps, like containerd's mount manager (core/mount/manager): file system images that must
 * be mounted, or attached to block devices, before another mount can refer to them.
 *
 * Terms: an *activation* is a named list of mounts, of which the first ones are mounted here (*active*), and
 * the rest, fully described, by the client (*system* mounts); a *transform* is a prefix of a mount's type
 * (`format/`, `mkdir/`, `mkfs/`), which changes its description, or creates what it needs, before it is
 * mounted.
 *
 * Records are in the state directory, which, like mounts, does not survive a restart of the machine. This
 * room does not know clients' messages.
 */
export type {
  Activation,
  ActivationRequest,
  Activations,
  ActiveMount,
  GivenMount,
  Holder,
} from "./activation.ts";
export { ActivationStore } from "./activation-store.ts";
export { MountsError } from "./mounts-error.ts";
