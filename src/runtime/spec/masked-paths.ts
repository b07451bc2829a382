import type { LinuxContainerSecurityContext } from "../../protocol/index.ts";

type Security = LinuxContainerSecurityContext | undefined;

const defaultMaskedPaths: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

const defaultReadonlyPaths: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/**
 * Files of /proc and /sys that a container must not see. A security context decides for itself, also with an empty list
 * (a kubelet sends one for `procMount: Unmasked`); a container without one gets the defaults.
 */
export function maskedPaths(security: Security): readonly string[] {
  if (security?.privileged) return [];
  return security?.maskedPaths ?? defaultMaskedPaths;
}

/** Those that it may only read; by the same rule. */
export function readonlyPaths(security: Security): readonly string[] {
  if (security?.privileged) return [];
  return security?.readonlyPaths ?? defaultReadonlyPaths;
}
