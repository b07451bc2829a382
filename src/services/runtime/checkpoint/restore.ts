import { lstat, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { cgroupOf } from "../cgroups/cgroup-in-hierarchy.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { OciSpec } from "../spec/types.ts";

/**
 * - `leave-stopped`: the processes wait, stopped, to be looked at before they run;
 * - `tcp-close`: the pod has another address, so connections to others cannot go on; programs find them
 *   closed.
 */
const restoreConfig = ["leave-stopped", "tcp-close"];

/**
 * The spec with which a container is restored: criu gets its configuration by an annotation that runc and
 * crun know (`org.criu.config`), which goes before the host's own for OCI runtimes.
 */
export async function restoreSpec(
  spec: OciSpec,
  bundleDir: string,
  handler: RuncLikeHandler,
  layout: CgroupLayout,
): Promise<OciSpec> {
  const config = join(bundleDir, "criu.conf");
  const lines = [...restoreConfig];
  if (handler.type === "crun") lines.push(await crunMask(spec.root.path));
  // runc (1.1) names the new cgroup to criu with cgroup v1 alone; else the processes come up in the old one,
  // without limits.
  else if (layout.kind === "v2") lines.push(`cgroup-root ${cgroupOf(spec.linux.cgroupsPath)}`);
  await writeFile(config, `${lines.join("\n")}\n`, { mode: 0o600 });
  return { ...spec, annotations: { ...spec.annotations, "org.criu.config": config } };
}

/**
 * crun covers masked directories with an empty one below its root, which it writes down as that of its
 * default root (seen with 1.28), and then misses. criu is given the container's own directory below the mount
 * of /sys: it would be mounted writable, and there the container can write without that. Throws RuntimeError
 * FailedPrecondition.
 */
async function crunMask(rootfs: string): Promise<string> {
  const directory = join(rootfs, "sys");
  await mkdir(directory, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  if (!(await lstat(directory)).isDirectory())
    throw new RuntimeError(
      "FailedPrecondition",
      "/sys of the image is not a directory: crun cannot restore it",
    );
  return `external mnt[/run/crun/.empty-directory]:${directory}`;
}

/** Options of the OCI runtime's `restore` in addition to those from conmon. */
export function restoreOptions({ process }: OciSpec): readonly string[] {
  const profile = process.apparmorProfile;
  // Not the profile that the images name.
  return ["--file-locks", ...(profile === undefined ? [] : ["--lsm-profile", `apparmor:${profile}`])];
}
