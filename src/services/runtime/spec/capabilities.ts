import { capabilityNames } from "../../../ground/linux/index.ts";
import type { LinuxContainerSecurityContext } from "../../../ground/protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { OciCapabilities } from "./types.ts";

/** The default capabilities of a container: Docker's original set, which containerd keeps. */
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
 * The defaults with the additions and removals of the security context; names are accepted with or without
 * CAP_, in any case. `ALL` is applied first, so that "add ALL, drop NET_ADMIN" works as expected.
 * Capabilities that the daemon itself lacks are left out, since the kernel would refuse them.
 *
 * Only those of `add_ambient_capabilities` are inheritable and ambient, which is how a process that is not
 * root gets them (KEP-2763); the others are lost with root, and no program can inherit one from a process
 * that has lost it (CVE-2022-24769). Throws RuntimeError InvalidArgument for an unknown name.
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
