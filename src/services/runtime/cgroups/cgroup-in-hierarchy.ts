import { join, posix } from "node:path";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { CgroupDriver } from "./cgroups-path.ts";

/**
 * Path of a container's cgroup in the hierarchies, as the OCI runtime creates it from {@link
 * "./cgroups-path.ts"}'s `cgroupsPath`: with systemd, a scope in the slice.
 */
export function containerCgroup(driver: CgroupDriver, parent: string, id: string): string {
  if (driver === "cgroupfs") return posix.join("/", parent === "" ? "berth" : parent, id);
  return posix.join(slicePath(parent === "" ? "system.slice" : posix.basename(parent)), `berth-${id}.scope`);
}

/** The same from the `cgroupsPath` itself. */
export function cgroupOf(cgroupsPath: string): string {
  const [slice = "", prefix, id] = cgroupsPath.split(":");
  return id === undefined ? cgroupsPath : posix.join(slicePath(slice), `${prefix}-${id}.scope`);
}

/** Path of a pod's own cgroup, which its client created; undefined for a pod without one. */
export function podCgroup(driver: CgroupDriver, parent: string): string | undefined {
  if (parent === "") return undefined;
  return driver === "cgroupfs" ? posix.join("/", parent) : slicePath(posix.basename(parent));
}

/** `a-b.slice` is in `a.slice` (systemd.slice(5)). */
function slicePath(name: string): string {
  const parts = name
    .replace(/\.slice$/, "")
    .split("-")
    .filter((part) => part !== "");
  return posix.join("/", ...parts.map((_, index) => `${parts.slice(0, index + 1).join("-")}.slice`));
}

/**
 * Converts a cgroup's directory in the v1 memory hierarchy to that in another one: a container's cgroup has
 * the same path in all. Undefined if one of the two is not mounted.
 */
export function inHierarchyOf(
  { v1 }: Exclude<CgroupLayout, { readonly kind: "v2" }>,
  controller: string,
  directory: string,
): string | undefined {
  const [memory, other] = [v1.get("memory"), v1.get(controller)];
  if (memory === undefined || other === undefined || !directory.startsWith(memory)) return undefined;
  return join(other, directory.slice(memory.length));
}
