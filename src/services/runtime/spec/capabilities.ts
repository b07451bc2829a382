import { capabilityNames } from "../../../ground/linux/index.ts";
import type { LinuxContainerSecurityContext } from "../../../ground/protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { OciCapabilities } from "./types.ts";

/**
 * What a container may do that says nothing about it: the set that Docker began with and containerd keeps.
 */
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
 * The defaults with what the security context adds and drops; names come with or without CAP_, in any case.
 * `ALL` is taken first, so that "add ALL, drop NET_ADMIN" means what it says. What the daemon itself has not
 * got is left out, as the kernel would refuse it.
 *
 * Only those of `add_ambient_capabilities` are inheritable and ambient, which is what a process that is not
 * root has them by (KEP-2763); the others are lost with root, and no program can take one over from a process
 * that has lost it (CVE-2022-24769). Throws RuntimeError InvalidArgument for a name that is no capability's.
 */
export function processCapabilitySets(
  security: LinuxContainerSecurityContext | undefined,
  available: readonly string[],
): OciCapabilities {
  if (security?.privileged) return { bounding: available, effective: available, permitted: available };
  const add = fullNames(security?.capabilities?.addCapabilities);
  const addAmbient = fullNames(security?.capabilities?.addAmbientCapabilities);
  const drop = fullNames(security?.capabilities?.dropCapabilities);
  const kept = (names: readonly string[]) =>
    (names.includes(all) && !drop.includes(all) ? available : [...new Set(names)]).filter(
      (name) => available.includes(name) && !drop.includes(name),
    );
  const set = kept([...(drop.includes(all) ? [] : defaultCapabilities), ...add, ...addAmbient]);
  const ambient = kept(addAmbient);
  return {
    bounding: set,
    effective: set,
    permitted: set,
    ...(ambient.length > 0 && { inheritable: ambient, ambient }),
  };
}

const all = "CAP_ALL";

function fullNames(names: readonly string[] = []): readonly string[] {
  return names.map((name) => {
    const upper = name.toUpperCase();
    const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (full === all || capabilityNames.includes(full)) return full;
    throw new RuntimeError(
      "InvalidArgument",
      `capabilities: ${JSON.stringify(name)} is not the name of a capability`,
    );
  });
}
