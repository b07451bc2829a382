import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import type { OciSpec } from "../spec/types.ts";

/** For these, an OCI runtime may have created things that only it can remove. */
const ofTheRuntimeAlone = ["intelRdt", "netDevices", "memoryPolicy"];

/**
 * Whether a container can be removed without its OCI runtime once its processes are gone. crun and runc then
 * only remove its cgroups, which berth must remove anyway, and their own files about it. That saves starting
 * a program for each container. Not possible if systemd created the cgroup, if there is a `poststop` hook, or
 * with a runtime whose files are not known.
 */
export function canRemoveByItself(
  { linux, hooks }: OciSpec,
  handler: Pick<RuncLikeHandler, "type">,
  cgroupDriver: CgroupDriver,
): boolean {
  return (
    handler.type !== "other" &&
    cgroupDriver === "cgroupfs" &&
    (hooks?.poststop ?? []).length === 0 &&
    !ofTheRuntimeAlone.some((part) => part in linux)
  );
}
