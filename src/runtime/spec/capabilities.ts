import type { LinuxContainerSecurityContext } from "../../protocol/index.ts";
import type { OciCapabilities } from "./types.ts";

/** What a container may do that says nothing about it: the set that Docker began with and containerd keeps. */
const defaultCapabilities: readonly string[] = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/**
 * The defaults with what the security context adds and drops; names come with or without CAP_, in any case. `ALL` is
 * taken first, so that "add ALL, drop NET_ADMIN" means what it says. What the daemon itself has not got is left out, as
 * the kernel would refuse it. Ambient and inheritable sets stay empty, as in containerd.
 */
export function processCapabilitySets(
  security: LinuxContainerSecurityContext | undefined,
  available: readonly string[],
): OciCapabilities {
  const set = capabilitySet(security, available).filter((name) => available.includes(name));
  return { bounding: set, effective: set, permitted: set };
}

function capabilitySet(
  security: LinuxContainerSecurityContext | undefined,
  available: readonly string[],
): readonly string[] {
  if (security?.privileged) return available;
  const add = (security?.capabilities?.addCapabilities ?? []).map(fullName);
  const drop = (security?.capabilities?.dropCapabilities ?? []).map(fullName);
  const start = drop.includes("CAP_ALL") ? [] : add.includes("CAP_ALL") ? available : defaultCapabilities;
  return [...new Set([...start, ...add])].filter((name) => !drop.includes(name));
}

function fullName(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
}
