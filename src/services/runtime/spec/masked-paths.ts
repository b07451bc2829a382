import {
  defaultMaskedPaths,
  defaultReadonlyPaths,
  type LinuxContainerSecurityContext,
} from "../../../ground/protocol/index.ts";

type Security = LinuxContainerSecurityContext | undefined;

/**
 * Files of /proc and /sys that a container must not see. A security context decides for itself, also with an
 * empty list (a kubelet sends one for `procMount: Unmasked`); a container without one gets the defaults.
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
