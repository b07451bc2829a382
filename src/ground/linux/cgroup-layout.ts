import { readFile } from "node:fs/promises";
import { type MountInfo, mountInfo } from "./mounts/mount-info.ts";

/**
 * How the control groups of this machine are mounted (cgroups(7)): `v2` has the unified hierarchy alone, `v1`
 * the older ones, `hybrid` both.
 */
export type CgroupLayout =
  | { readonly kind: "v1"; readonly v1: V1Hierarchies }
  | { readonly kind: "hybrid"; readonly v1: V1Hierarchies; readonly v2: V2Hierarchy }
  | { readonly kind: "v2"; readonly v2: V2Hierarchy };

/**
 * Mount point by controller, such as `memory` → /sys/fs/cgroup/memory; a named hierarchy is `name=systemd`.
 */
export type V1Hierarchies = ReadonlyMap<string, string>;

/** The controllers are those that the root of the unified hierarchy offers. */
export type V2Hierarchy = { readonly mountPoint: string; readonly controllers: readonly string[] };

/** Inspects the mounts of this process. Undefined if no control groups are mounted at all. */
export async function cgroupLayout(): Promise<CgroupLayout | undefined> {
  const mounts = await mountInfo({ type: "cgroup" });
  const v1 = v1Hierarchies(mounts);
  const mountPoint = mounts.find((mount) => mount.type === "cgroup2")?.mountPoint;
  if (mountPoint === undefined) return v1.size === 0 ? undefined : { kind: "v1", v1 };
  const v2 = { mountPoint, controllers: await controllersOf(mountPoint) };
  return v1.size === 0 ? { kind: "v2", v2 } : { kind: "hybrid", v1, v2 };
}

/**
 * Whether the kernel prevents processes in a cgroup namespace from changing their own limits and the cgroups
 * above, according to the mounts: with only cgroup v2 and its option nsdelegate (cgroups(7)). Any program
 * that mounts cgroup v2 in the host's cgroup namespace can set or remove the option of all mounts.
 */
export function delegatesCgroups(kind: CgroupLayout["kind"], mounts: readonly MountInfo[]): boolean {
  const delegates = ({ type, superOptions }: MountInfo) =>
    type === "cgroup2" && superOptions.includes("nsdelegate");
  return kind === "v2" && mounts.some(delegates);
}

/** The same for the current mounts. */
export async function cgroupsAreDelegated(kind: CgroupLayout["kind"]): Promise<boolean> {
  return kind === "v2" && delegatesCgroups(kind, await mountInfo({ type: "cgroup2" }));
}

/**
 * A v1 hierarchy is mounted with its controllers among the options of the file system. If one is mounted at
 * several places, the first counts: criu mounts all of them for itself while it works.
 */
function v1Hierarchies(mounts: readonly MountInfo[]): V1Hierarchies {
  const noController = new Set(["rw", "ro", "xattr", "noprefix", "clone_children"]);
  const hierarchies = new Map<string, string>();
  for (const mount of mounts.filter(({ type }) => type === "cgroup")) {
    for (const option of mount.superOptions) {
      if (noController.has(option) || option.startsWith("release_agent=")) continue;
      if (!hierarchies.has(option)) hierarchies.set(option, mount.mountPoint);
    }
  }
  return hierarchies;
}

async function controllersOf(mountPoint: string): Promise<readonly string[]> {
  const text = await readFile(`${mountPoint}/cgroup.controllers`, "utf8");
  return text.split(/\s+/).filter((name) => name !== "");
}
