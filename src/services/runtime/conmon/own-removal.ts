import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import type { OciSpec } from "../spec/types.ts";

/** What an OCI runtime may have made for these it alone knows how to take away. */
const ofTheRuntimeAlone = ["intelRdt", "netDevices", "memoryPolicy"];

/**
 * Whether a container can be removed without its OCI runtime once its processes are gone: crun and runc then
 * only remove its cgroups, which are berth's to remove anyway, and their own files of it. That saves the
 * start of a program for each container. Not where systemd has made the cgroup, where a hook is to be run at
 * the end (`poststop`), nor by a runtime of which it is not known what it keeps.
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
