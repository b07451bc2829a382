import { posix } from "node:path";
import { RuntimeError } from "../runtime-error.ts";

/**
 * What creates cgroups: the OCI runtime in the cgroup file system, or systemd over D-Bus. A node's kubelet
 * must use the same.
 */
export type CgroupDriver = "cgroupfs" | "systemd";

/**
 * The `cgroupsPath` of a container (runtime-spec, config-linux.md) under its pod's cgroup parent.
 *
 * - cgroupfs: `PARENT/ID`, a path in the hierarchies; without a parent `/berth/ID`, as containerd uses
 *   `/k8s.io/ID`.
 * - systemd: `SLICE:berth:ID`, which OCI runtimes turn into a scope `berth-ID.scope` in that slice; without a
 *   parent `system.slice`, as in CRI-O. A kubelet gives the slice by its path, of which the last part is its
 *   name.
 *
 * Throws RuntimeError InvalidArgument when the parent is not of the driver's kind: kubelet and daemon are
 * then configured differently, and the container would end up outside its pod's limits.
 */
export function cgroupsPath(driver: CgroupDriver, parent: string, id: string): string {
  const isSlice = parent.endsWith(".slice");
  if (driver === "systemd") {
    if (parent !== "" && !isSlice) throw mismatch(driver, parent, "a slice");
    return `${parent === "" ? "system.slice" : posix.basename(parent)}:berth:${id}`;
  }
  if (isSlice) throw mismatch(driver, parent, "a path");
  return posix.join("/", parent === "" ? "berth" : parent, id);
}

function mismatch(driver: CgroupDriver, parent: string, wanted: string): RuntimeError {
  return new RuntimeError(
    "InvalidArgument",
    `cgroup parent "${parent}" is not ${wanted}, which the ${driver} cgroup driver needs; set the same cgroup driver for the kubelet (cgroupDriver) and berth (cgroup.driver)`,
  );
}
