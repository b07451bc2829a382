import { readIfThere } from "../../../ground/fs/index.ts";
import { capabilityMask, parseMountInfo } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { resolveInside } from "../spec/resolve/rootfs-file.ts";
import type { OciSpec } from "../spec/types.ts";
import { mountExcess } from "./restored-mounts.ts";

/**
 * Rejects restored processes with more privileges than a container of this spec can get: the images of a
 * checkpoint themselves determine the capabilities, identity, filters and mounts of a process, and may have
 * been forged. The processes must be stopped. Throws RuntimeError PermissionDenied.
 */
export async function checkPrivileges(id: string, pids: readonly number[], spec: OciSpec): Promise<void> {
  for (const pid of pids) {
    const [status, mounts] = await Promise.all(
      ["status", "mountinfo"].map((name) => readIfThere(`/proc/${pid}/${name}`)),
    );
    // It has ended.
    if (status === undefined || mounts === undefined) continue;
    const resolve = (path: string) => resolveInside(`/proc/${pid}/root`, path);
    const excess = excessOf(status, spec) ?? (await mountExcess(parseMountInfo(mounts), spec, resolve));
    if (excess === undefined) continue;
    throw new RuntimeError(
      "PermissionDenied",
      `the checkpoint does not match container ${id}: ${excess}; its processes were killed before they ran`,
    );
  }
}

/** The privileges in a /proc/PID/status that the spec does not grant; undefined if there are none. */
export function excessOf(status: string, { process, linux }: OciSpec): string | undefined {
  const allowed = capabilityMask(process.capabilities.bounding);
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    const more = BigInt(`0x${field(status, set)}`) & ~allowed;
    if (more !== 0n)
      return `a process has capabilities (${set} 0x${more.toString(16)}) that the container does not have`;
  }
  if (linux.seccomp !== undefined && field(status, "Seccomp") !== "2")
    return "a process has no seccomp filter, but the container has a profile";
  if (!process.noNewPrivileges) return undefined;
  if (field(status, "NoNewPrivs") !== "1")
    return "a process may gain privileges, but the container sets no_new_privs";
  const uids = field(status, "Uid").split(/\s+/).map(Number);
  const changeable = process.capabilities.permitted.includes("CAP_SETUID");
  if (!changeable && uids.some((uid) => uid !== process.user.uid))
    return `a process runs as user ${uids.join("/")}, but the container as ${process.user.uid}`;
  return undefined;
}

function field(status: string, name: string): string {
  return new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1]?.trim() ?? "";
}
