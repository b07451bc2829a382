import { readFile } from "node:fs/promises";

/** All capabilities of capabilities(7), by number from 0, such as "CAP_CHOWN". */
export const capabilityNames: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
];

/**
 * The capabilities that this process may use, and those that its children can have at most, by their names
 * ("CAP_KILL").
 */
export type ProcessCapabilities = {
  readonly effective: ReadonlySet<string>;
  readonly bounding: ReadonlySet<string>;
};

/** Reads /proc/self/status. Capabilities of newer kernels that have no name here are left out. */
export async function processCapabilities(): Promise<ProcessCapabilities> {
  const status = await readFile("/proc/self/status", "utf8");
  return { effective: namesIn(status, "CapEff"), bounding: namesIn(status, "CapBnd") };
}

function namesIn(status: string, field: string): ReadonlySet<string> {
  const mask = BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
  return new Set(capabilityNames.filter((_, bit) => (mask >> BigInt(bit)) & 1n));
}

/** The set as the kernel writes it: one bit for each. Names that are not known have none. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => {
    const bit = capabilityNames.indexOf(name);
    return bit === -1 ? mask : mask | (1n << BigInt(bit));
  }, 0n);
}
