import { LinuxError } from "../linux-error.ts";
import type { ThreadNamespace } from "./pod-namespaces.ts";

/** One kernel parameter of a namespace: its file, by the parts of its path below /proc/sys, and its value. */
export type Sysctl = { readonly parts: readonly string[]; readonly value: string };

/**
 * Turns a pod's sysctls into files. Only parameters that the kernel has per namespace are allowed, and only
 * if that namespace is the pod's own (`owned`); anything else would change the host. Throws LinuxError
 * InvalidArgument, which names the sysctl.
 */
export function namespacedSysctls(
  sysctls: Readonly<Record<string, string>>,
  owned: Readonly<Record<ThreadNamespace, boolean>>,
): readonly Sysctl[] {
  return Object.entries(sysctls).map(([name, value]) => {
    const parts = partsOfSysctl(name);
    const namespace = namespaceOf(parts);
    if (namespace === undefined) throw invalid(name, "it is not namespaced");
    if (!owned[namespace]) throw invalid(name, `the pod shares the host's ${namespace} namespace`);
    return { parts, value };
  });
}

/**
 * The directories and the file of a sysctl below /proc/sys. The separator is whichever of dot and slash comes
 * first; the other one is then part of a name, with the two swapped, as in
 * `net.ipv4.conf.eth0/100.forwarding` (sysctl.d(5)). Throws LinuxError InvalidArgument, which names the
 * sysctl.
 */
export function partsOfSysctl(name: string): readonly string[] {
  const separator = /[./]/.exec(name)?.[0] ?? ".";
  const parts = name.split(separator).map((part) => (separator === "." ? part.replaceAll("/", ".") : part));
  const good = parts.every((part) => /^[A-Za-z0-9_.:-]+$/.test(part) && part !== "." && part !== "..");
  if (!good) throw invalid(name, "it is not the name of a kernel parameter");
  return parts;
}

/**
 * The interface to which a sysctl belongs, as in net.ipv4.conf.eth0.rp_filter: its file exists only once the
 * interface exists. Undefined for all other sysctls, and for interfaces that every network namespace has from
 * the start. Throws LinuxError InvalidArgument, which names the sysctl.
 */
export function interfaceOfSysctl(name: string): string | undefined {
  const [top, , group = "", device = ""] = partsOfSysctl(name);
  const ofInterface = top === "net" && (group === "conf" || group === "neigh") && device !== "";
  return ofInterface && !["all", "default", "lo"].includes(device) ? device : undefined;
}

function namespaceOf(parts: readonly string[]): ThreadNamespace | undefined {
  const [top, second = "", third] = parts;
  if (top === "net" && parts.length > 1) return "net";
  if (top === "fs" && second === "mqueue" && third !== undefined) return "ipc";
  if (top === "kernel" && parts.length === 2 && /^(shm|msg)|^sem$/.test(second)) return "ipc";
  if (top === "kernel" && second === "domainname" && parts.length === 2) return "uts";
  return undefined;
}

function invalid(name: string, reason: string): LinuxError {
  return new LinuxError("sysctl", `EINVAL (${reason})`, JSON.stringify(name), { code: "InvalidArgument" });
}
